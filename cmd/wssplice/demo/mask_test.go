package demo

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMaskedHead(t *testing.T) {
	m := newMasker(DefaultToken)
	for _, tt := range []struct{ name, line, want string }{
		{"query", "GET /jmap/ws?access_token=abc HTTP/1.1", "GET /jmap/ws?access_token=*** HTTP/1.1"},
		{"every value", "GET /a?b=1&c=2&secret&=3&&d= HTTP/1.1", "GET /a?b=***&c=***&***&=***&&d=*** HTTP/1.1"},
		{"encoded name", "GET /a?%61ccess_token=abc HTTP/1.1", "GET /a?%61ccess_token=*** HTTP/1.1"},
		{"blank in the query", "GET /a?b=1 2 HTTP/9 3 HTTP/1.1", "GET /a?b=*** HTTP/1.1"},
		{"no version", "GET /a?b=secret", "GET /a?b=***"},
		{"no query", "GET /jmap/ws HTTP/1.1", "GET /jmap/ws HTTP/1.1"},
		{"token in the path", "GET /demo%2Bmail/token==/x HTTP/1.1", "GET /***/x HTTP/1.1"},
		{"bearer", "\r\nAuthorization: Bearer abc", "Authorization: Bearer ***"},
		{"lower case", "\r\nauthorization:bearer   abc def", "authorization: bearer ***"},
		{"no scheme", "\r\nAuthorization: abc", "Authorization: ***"},
		{"space before the colon", "\r\nAuthorization : Basic YTpi", "Authorization : Basic ***"},
		{"proxy", "\r\nProxy-Authorization: Basic YTpi", "Proxy-Authorization: Basic ***"},
		{"cookie", "\r\nCookie: a=b; c=d", "Cookie: ***"},
		{"folded", "\r\n Bearer abc", "***"},
		{"no field", "\r\nBearer abc", "***"},
		{"referer", "\r\nReferer: http://a/?access_token=abc", "Referer: http://a/?access_token=***"},
		{"behind a bare LF", "\r\nA: b\nAuthorization: Bearer abc", "A: b\nAuthorization: Bearer ***"},
		{"other field", "\r\nHost: 127.0.0.1:8080", "Host: 127.0.0.1:8080"},
		{"key", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
		{"terminal", "\r\nA: \x1b[2J\x9b\u202e", `A: \x1b[2J\x9b\xe2\x80\xae`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := tt.line
			want := strings.Split(tt.want, "\n")
			if strings.HasPrefix(line, "\r\n") {
				line = "GET / HTTP/1.1" + line
				want = append([]string{"GET / HTTP/1.1"}, want...)
			}
			if got := m.head([]byte(line + "\r\n\r\n")); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// The token is put where nothing else would hide it.
func TestTokenIsMaskedInEveryEncoding(t *testing.T) {
	for _, token := range []string{DefaultToken, "a", "a b+c"} {
		m := newMasker(token)
		percent := func(s, format string) string {
			var b strings.Builder
			for i := range len(s) {
				fmt.Fprintf(&b, format, s[i])
			}
			return b.String()
		}
		forms := []string{
			token,
			queryEscape(token),
			queryEscape(queryEscape(token)),
			strings.ToLower(queryEscape(token)),
			strings.ReplaceAll(token, " ", "+"),
			percent(token, "%%%02x"),
			percent(token, "%%%02X"),
			percent(token, "%%25%02x"),
			percent(token, "%%2525%02x"),
		}
		if len(token) > 8 {
			for _, user := range []string{"", "u", "us", "usr", "demo@example.org:"} {
				forms = append(forms, base64.StdEncoding.EncodeToString([]byte(user+token)))
				forms = append(forms, base64.URLEncoding.EncodeToString([]byte(user+token+":x")))
			}
		}
		for _, form := range forms {
			got := m.line("X-Seen: <" + form + ">")
			rest := strings.TrimSuffix(strings.TrimPrefix(got, "X-Seen: <"), ">")
			if !strings.Contains(rest, mask) {
				t.Errorf("token %q as %q stays: %q", token, form, got)
			}
			// Base64 may leave the characters that hold a neighbour's bits too.
			if left := strings.Replace(rest, mask, "", 1); len(left) > 0 && !strings.Contains(form, "%") && len(left) > len(form)-len(token) {
				t.Errorf("token %q as %q leaves %q", token, form, left)
			}
		}
	}
}

func FuzzMaskedHead(f *testing.F) {
	f.Add("GET /a?b=", "&c HTTP/1.1\r\nHost: a\r\n\r\n")
	f.Add("GET / HTTP/1.1\r\nAuthorization: Bearer ", "\r\n\r\n")
	f.Add("GET / HTTP/1.1\r\nA: ", "\x1b\r\n\r\n")
	m := newMasker(DefaultToken)
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, form := range []string{DefaultToken, queryEscape(DefaultToken), queryEscape(queryEscape(DefaultToken))} {
			for _, l := range m.head([]byte(before + form + after)) {
				if strings.Contains(l, form) {
					t.Fatalf("%q stays in %q", form, l)
				}
				if i := strings.IndexFunc(l, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
					t.Fatalf("byte %d of %q reaches the terminal", i, l)
				}
			}
		}
	})
}
