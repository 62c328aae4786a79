package httphead

import (
	"strings"
	"testing"
)

func TestEnd(t *testing.T) {
	long := "GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 80) + "\r\n\r\n"
	for _, c := range []struct {
		name, in string
		lim      Limits
		n        int
		err      error
	}{
		{name: "nothing yet", in: ""},
		{name: "one octet", in: "G"},
		{name: "line without its end", in: "GET / HTTP/1.1\r"},
		{name: "one line", in: "GET / HTTP/1.1\r\n"},
		{name: "all but the last octet", in: "GET / HTTP/1.1\r\n\r"},
		{name: "no fields", in: "GET / HTTP/1.1\r\n\r\n", n: 18},
		{name: "bytes behind", in: "GET / HTTP/1.1\r\n\r\n\x00\x81\n", n: 18},
		{name: "tab and octets above ASCII", in: "GET / HTTP/1.1\r\nA:\tb\x80\xff\r\n\r\n", n: 26},
		{name: "TLS", in: "\x16\x03\x01\x02\x00\x01", err: ErrTLS},
		{name: "empty line first", in: "\r\nGET / HTTP/1.1\r\n\r\n", err: ErrEmptyLine},
		{name: "line feed first", in: "\nGET / HTTP/1.1\r\n\r\n", err: ErrEmptyLine},
		{name: "PROXY protocol 2", in: "\r\n\r\n\x00\r\nQUIT\n", err: ErrEmptyLine},
		{name: "space first", in: " GET / HTTP/1.1\r\n\r\n", err: ErrFirstOctet},
		{name: "frame of a WebSocket first", in: "\x81\x05hello", err: ErrFirstOctet},
		{name: "NUL first", in: "\x00", err: ErrFirstOctet},
		{name: "bare LF", in: "GET / HTTP/1.1\nHost: a\n\n", err: ErrBareLF},
		{name: "bare LF as the last line", in: "GET / HTTP/1.1\r\n\n", err: ErrBareLF},
		{name: "bare CR", in: "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", err: ErrBareCR},
		{name: "CR CR LF", in: "GET / HTTP/1.1\r\r\n\r\n", err: ErrBareCR},
		{name: "CR at the empty line", in: "GET / HTTP/1.1\r\n\r\r\n", err: ErrBareCR},
		{name: "NUL", in: "GET / HTTP/1.1\r\nA: b\x00\r\n\r\n", err: ErrNUL},
		{name: "control", in: "GET / HTTP/1.1\r\nA: b\x1b\r\n\r\n", err: ErrControl},
		{name: "DEL", in: "GET / HTTP/1.1\r\nA: 1234567\x7f\r\n\r\n", err: ErrControl},
		{name: "just within the limit", in: long, lim: Limits{Bytes: len(long)}, n: len(long)},
		{name: "one over the limit", in: long, lim: Limits{Bytes: len(long) - 1}, err: ErrTooLong},
		{name: "limit within the last line end", in: long + "x", lim: Limits{Bytes: len(long) - 3}, err: ErrTooLong},
		{name: "limit reached without an end", in: long[:40], lim: Limits{Bytes: 40}, err: ErrTooLong},
		{name: "one below the limit without an end", in: long[:40], lim: Limits{Bytes: 41}},
		{name: "default limit", in: "GET /" + strings.Repeat("x", 16<<10), err: ErrTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n, err := End([]byte(c.in), 0, c.lim); n != c.n || err != c.err {
				t.Fatalf("End = %d, %v; want %d, %v", n, err, c.n, c.err)
			}
			if len(c.in) > 1000 {
				return
			}
			// In two parts, and octet by octet: an error may only come earlier than at the last one.
			for split := range len(c.in) + 1 {
				n, err := End([]byte(c.in[:split]), 0, c.lim)
				if n == 0 && err == nil {
					n, err = End([]byte(c.in), split, c.lim)
				}
				if n != c.n || err != c.err {
					t.Errorf("split at %d: %d, %v; want %d, %v", split, n, err, c.n, c.err)
				}
			}
			n, err := 0, error(nil)
			for i := 0; i < len(c.in) && n == 0 && err == nil; i++ {
				n, err = End([]byte(c.in[:i+1]), i, c.lim)
			}
			if n != c.n || err != c.err {
				t.Errorf("octet by octet: %d, %v; want %d, %v", n, err, c.n, c.err)
			}
		})
	}
}

// Every octet at every place of a word and of the rest behind the last word.
func TestControl(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				b := []byte(strings.Repeat("a", length))
				b[at] = byte(c)
				want := length
				if c < 0x20 && c != '\t' || c == 0x7f {
					want = at
				}
				for from := range at + 1 {
					if got := control(b, from); got != want {
						t.Fatalf("control(%q, %d) = %d, want %d", b, from, got, want)
					}
				}
			}
		}
	}
	// Octets that borrow from or look like their neighbours.
	for _, s := range []string{"\x80\x9f\xa0\xff\x20\x7e\x80\xff", "\t\t\t\t\t\t\t\t\t", "\t\x7f\x00\t\t\t\t\t"} {
		want := strings.IndexFunc(s, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f })
		if want < 0 {
			want = len(s)
		}
		if got := control([]byte(s), 0); got != want {
			t.Errorf("control(%q) = %d, want %d", s, got, want)
		}
	}
}
