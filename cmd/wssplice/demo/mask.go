package demo

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// mask stands for every secret in what the demo prints.
const mask = "***"

// minNeedle is the shortest piece of base64 that is taken for the token's: a
// shorter one would be found by chance in Sec-WebSocket-Key.
const minNeedle = 6

// masker makes a head fit for a terminal. It hides by position whatever may be
// a secret (every query value, every credential field), since a visitor may try
// a token of their own; and the demo's token, in any encoding of it,
// wherever else it turns up.
type masker struct {
	token   string
	needles []string // the token inside base64
}

func newMasker(token string) *masker {
	m := &masker{token: token}
	// Base64 reads differently at each of three alignments, as in user:token.
	for before := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := enc.EncodeToString([]byte(strings.Repeat("x", before) + token))
			// Cut the characters that also hold bits of the neighbours.
			first := (before*8 + 5) / 6
			last := (before + len(token)) * 8 / 6
			if last-first >= minNeedle {
				m.needles = append(m.needles, s[first:last])
			}
		}
	}
	return m
}

// head gives the lines of a request's head, without their ends, masked.
func (m *masker) head(head []byte) []string {
	// A bare CR or LF is no line end by RFC 9112, but a secret behind one is still a secret.
	lines := strings.FieldsFunc(string(head), func(r rune) bool { return r == '\r' || r == '\n' })
	for i, l := range lines {
		if i == 0 {
			lines[i] = m.line(l)
		} else {
			lines[i] = m.line(hideCredential(l))
		}
	}
	return lines
}

// line masks what may hide in any line: queries, the token, control bytes.
func (m *masker) line(l string) string {
	return printable(m.hideToken(hideQueries(l)))
}

// hideCredential masks the value of a field that bears credentials, save the scheme.
func hideCredential(l string) string {
	name, value, ok := strings.Cut(l, ":")
	if !ok || strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
		return mask // no field, or the second half of one (obs-fold)
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "authorization", "proxy-authorization":
		scheme, _, ok := strings.Cut(strings.TrimSpace(value), " ")
		if ok {
			return name + ": " + scheme + " " + mask
		}
		return name + ": " + mask
	case "cookie":
		return name + ": " + mask
	}
	return l
}

// hideQueries masks the values in whatever looks like a query, and keeps the names.
func hideQueries(l string) string {
	before, rest, ok := strings.Cut(l, "?")
	if !ok {
		return l
	}
	after := ""
	// A query ends at the version; a blank inside it makes the head malformed, not the query shorter.
	if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
		rest, after = rest[:i], rest[i:]
	}
	pairs := strings.Split(rest, "&")
	for i, p := range pairs {
		if name, _, ok := strings.Cut(p, "="); ok {
			pairs[i] = name + "=" + mask
		} else if p != "" {
			pairs[i] = mask
		}
	}
	return before + "?" + strings.Join(pairs, "&") + after
}

// hideToken masks the token as it is, percent-encoded (in part, in either case,
// more than once), form-encoded, and in base64.
func (m *masker) hideToken(l string) string {
	var b strings.Builder
	for i := 0; i < len(l); {
		if n := encodedLen(l[i:], m.token); n > 0 {
			b.WriteString(mask)
			i += n
		} else {
			b.WriteByte(l[i])
			i++
		}
	}
	l = b.String()
	for _, n := range m.needles {
		l = strings.ReplaceAll(l, n, mask)
	}
	return l
}

// encodedLen is the length of the encoded token at the start of s, 0 if there is none.
func encodedLen(s, token string) int {
	if token == "" {
		return 0
	}
	n := 0
	for i := range len(token) {
		k := encodedByte(s[n:], token[i])
		if k == 0 {
			return 0
		}
		n += k
	}
	return n
}

// encodedByte is the length of c at the start of s: itself, %XX, %25XX, %2525XX and so on.
func encodedByte(s string, c byte) int {
	switch {
	case s == "":
		return 0
	case s[0] == '%':
		for n := 1; n+2 <= len(s); n += 2 {
			if strings.EqualFold(s[n:n+2], fmt.Sprintf("%02x", c)) {
				return n + 2
			}
			if s[n:n+2] != "25" {
				break
			}
		}
	case s[0] == '+' && c == ' ':
		return 1
	}
	if s[0] == c {
		return 1
	}
	return 0
}

// printable escapes what a terminal would obey: a head is a stranger's text.
func printable(l string) string {
	var b strings.Builder
	for i := range len(l) {
		if c := l[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
