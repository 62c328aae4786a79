package httphead

import (
	"strings"
	"testing"
)

// firefox and chrome are upgrades as the browsers send them, behind a TLS terminator.
const (
	firefox = "GET /jmap/ws?access_token=eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJqYW5lIiwiZXhwIjoxNzk1NDU2MDAwfQ.m8y0XlZ%2BbQ&v=2 HTTP/1.1\r\n" +
		"Host: mail.example.org\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0\r\n" +
		"Accept: */*\r\n" +
		"Accept-Language: de,en-US;q=0.7,en;q=0.3\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Origin: https://mail.example.org\r\n" +
		"Sec-WebSocket-Protocol: jmap\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Connection: keep-alive, Upgrade\r\n" +
		"Sec-Fetch-Dest: empty\r\n" +
		"Sec-Fetch-Mode: websocket\r\n" +
		"Sec-Fetch-Site: same-origin\r\n" +
		"Pragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\n" +
		"Upgrade: websocket\r\n" +
		"\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\n" +
		"connection: Upgrade\r\n" +
		"upgrade: WebSocket\r\n" +
		"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
		"sec-websocket-protocol: jmap\r\n" +
		"date: Mon, 23 Nov 2026 14:00:00 GMT\r\n" +
		"\r\n"
	post = "POST /jmap/ HTTP/1.1\r\n" +
		"Host: mail.example.org\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0\r\n" +
		"Accept: application/json\r\n" +
		"Content-Type: application/json\r\n" +
		"Authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9\r\n" +
		"Content-Length: 27\r\n" +
		"Connection: keep-alive\r\n" +
		"\r\n"
	answer = "HTTP/1.1 200 OK\r\n" +
		"content-type: application/json; charset=utf-8\r\n" +
		"date: Mon, 23 Nov 2026 14:00:00 GMT\r\n" +
		"vary: Accept-Encoding\r\n" +
		"transfer-encoding: chunked\r\n" +
		"\r\n"
)

// head is either of the two kinds.
type head interface {
	Parse(head []byte, lim Limits) error
}

// read finds and parses the head at the start of in and demands that it makes no difference how
// the bytes came: no part of the head is taken for a whole one, and End says the same of any split.
func read(t *testing.T, h head, in string, lim Limits) (n int, err error) {
	t.Helper()
	n, endErr := End([]byte(in), 0, lim)
	for split := range len(in) {
		// The capacity ends with the part, so that a read beyond it panics.
		part := []byte(in[:split])
		k, err := End(part[:split:split], 0, lim)
		switch {
		case err != nil && err != endErr:
			t.Errorf("End of the first %d bytes: %v, of all: %v", split, err, endErr)
		case err == nil && k != 0 && (k != n || split < n):
			t.Errorf("End of the first %d bytes: %d, of all: %d", split, k, n)
		case err == nil && k == 0:
			if k, err := End([]byte(in), split, lim); k != n || err != endErr {
				t.Errorf("End with %d bytes seen: %d, %v; at once: %d, %v", split, k, err, n, endErr)
			}
		}
		if split < n {
			if err := h.Parse(part, lim); err == nil {
				t.Errorf("Parse accepts the first %d bytes of %d", split, n)
			}
		}
	}
	if endErr != nil {
		return 0, endErr
	}
	if n == 0 {
		t.Errorf("End does not find the end of %q", in)
		return 0, nil
	}
	return n, h.Parse([]byte(in[:n]), lim)
}

// mustRequest reads a head that is to be accepted.
func mustRequest(t *testing.T, in string) *Request {
	t.Helper()
	r := new(Request)
	if _, err := read(t, r, in, Limits{}); err != nil {
		t.Fatalf("%q: %v", in, err)
	}
	return r
}

// mustResponse reads a head that is to be accepted.
func mustResponse(t *testing.T, in string) *Response {
	t.Helper()
	r := new(Response)
	if _, err := read(t, r, in, Limits{}); err != nil {
		t.Fatalf("%q: %v", in, err)
	}
	return r
}

// with puts a request line and a Host before field lines, and the empty line behind them.
func with(lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: a\r\n" + crlf(lines)
}

// upgrade is an opening handshake of that target with further field lines.
func upgrade(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + crlf(lines)
}

func crlf(lines []string) string {
	return strings.Join(append(lines[:len(lines):len(lines)], "", ""), "\r\n")
}
