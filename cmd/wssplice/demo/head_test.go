package demo

import (
	"strings"
	"testing"
)

func TestHeadWatch(t *testing.T) {
	const (
		get     = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
		post    = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
		chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
		upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nUPGRADE : websocket\r\n\r\n"
	)
	for _, tt := range []struct {
		name, stream, want string
	}{
		{"upgrade", upgrade, upgrade},
		{"bytes behind it", upgrade + "\x81\x00" + upgrade, upgrade},
		{"after plain requests", get + get + upgrade, upgrade},
		{"after a body", post + upgrade, ""},
		{"after chunks", chunked + upgrade, ""},
		{"plain", get + get, ""},
		{"unfinished", upgrade[:len(upgrade)-1], ""},
		{"too long", "GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 2*maxHead) + "\r\n\r\n" + upgrade, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			step := max(1, len(tt.stream)/200)
			for cut := 0; cut <= len(tt.stream); cut += step {
				var got []string
				w := headWatch{found: func(head []byte) { got = append(got, string(head)) }}
				w.Write([]byte(tt.stream[:cut]))
				w.Write([]byte(tt.stream[cut:]))
				if strings.Join(got, "|") != tt.want {
					t.Fatalf("cut at %d: found %q, want %q", cut, got, tt.want)
				}
			}
			var got []string
			w := headWatch{found: func(head []byte) { got = append(got, string(head)) }}
			for i := range len(tt.stream) {
				w.Write([]byte(tt.stream[i : i+1]))
			}
			if strings.Join(got, "|") != tt.want {
				t.Fatalf("byte by byte: found %q, want %q", got, tt.want)
			}
		})
	}
}
