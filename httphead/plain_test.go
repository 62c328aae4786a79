package httphead

import (
	"strings"
	"testing"
)

func TestRequestAppendPlain(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"post", post, post},
		{"all as it came", with("x-A:1", "X-a:  2 ", "Connection: keep-alive,,Upgrade", "HTTP2-Settings: AA", "connection:"), ""},
		{"upgrade to websocket is not its business", firefox, firefox},
		{"h2c", with("A: 1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA", "B: 2"), with("A: 1", "B: 2")},
		{"h2c with other options", with("connection:\tclose ,,Upgrade,  TE,http2-settings", "upgrade: h2c", "TE: x"), with("connection: close, TE", "TE: x")},
		{"lines without the options", with("Connection:  keep-alive ,", "Upgrade: h2c", "Connection: upgrade"), with("Connection:  keep-alive ,")},
		{"without the option", with("Upgrade: TLS/1.0", "Connection: close"), with("Connection: close")},
		{"empty", with("Upgrade:", "A: b", "Upgrade: x"), with("A: b")},
	} {
		r := mustRequest(t, c.in)
		if c.out == "" {
			c.out = c.in
		}
		if r.NeedsRewrite() != (c.in != c.out) {
			t.Errorf("%s: NeedsRewrite is %v", c.name, r.NeedsRewrite())
		}
		if out := string(r.AppendPlain([]byte("x"))); out != "x"+c.out {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, out[1:], c.out)
		}
		mustRequest(t, c.out)
	}
}

func TestResponseAppendPlain(t *testing.T) {
	ok := func(lines ...string) string { return "HTTP/1.1 200 OK\r\n" + crlf(lines) }
	unauthorized := "HTTP/1.1 401 Unauthorized\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct{ name, in, open, closed string }{
		{"answer", answer, answer, strings.TrimSuffix(answer, "\r\n") + "Connection: close\r\n\r\n"},
		{"switching", switching, switching, strings.Replace(switching, "connection: Upgrade", "Connection: close", 1)},
		{"offer of h2c", ok("A: 1", "Upgrade: h2c", "Connection: Upgrade, Keep-Alive", "Keep-Alive: 5"), ok("A: 1", "Connection: Keep-Alive", "Keep-Alive: 5"), ok("A: 1", "Connection: close")},
		{"offer and nothing else", ok("upgrade: h2,h2c", "connection: upgrade", "A: 1"), ok("A: 1"), ok("Connection: close", "A: 1")},
		{"refused upgrade", unauthorized, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"},
		{"odd options", ok("Connection: \"a\" , b c,Upgrade", "Upgrade: x"), ok("Connection: \"a\", b c"), ok("Connection: close")},
		{"option without the field", ok("Connection: upgrade,close"), ok("Connection: upgrade,close"), ok("Connection: close")},
		{"several", ok("Connection: a", "Keep-Alive: 1", "Connection: b"), ok("Connection: a", "Keep-Alive: 1", "Connection: b"), ok("Connection: close")},
	} {
		r := mustResponse(t, c.in)
		if r.NeedsRewrite() != (c.in != c.open) {
			t.Errorf("%s: NeedsRewrite is %v", c.name, r.NeedsRewrite())
		}
		if out := string(r.AppendPlain([]byte("x"), false)); out != "x"+c.open {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, out[1:], c.open)
		}
		if out := string(r.AppendPlain([]byte("x"), true)); out != "x"+c.closed {
			t.Errorf("%s, closed:\ngot  %q\nwant %q", c.name, out[1:], c.closed)
		}
		if mustResponse(t, c.closed).Persistent() {
			t.Errorf("%s: closed and yet persistent", c.name)
		}
	}
}
