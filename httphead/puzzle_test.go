package httphead

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Mutating bytes seldom makes two odd fields meet. Puzzles are put together from pieces that are
// odd in themselves, and go through the same comparisons as the inputs of the fuzzer.
var (
	puzzleLines = []string{
		"GET / HTTP/1.1", "POST /a/../b?c=%41&access_token=x%2By&d HTTP/1.1", "GET /ws?access_token=a HTTP/1.1", "GET /ws?a&authorization=Basic+b HTTP/1.1", "HEAD //x HTTP/1.0",
		"GET /ws?%61ccess_token=%41+&& HTTP/1.1", "OPTIONS * HTTP/1.1", "PUT /: HTTP/1.1", "GET /?? HTTP/1.1", "get /%2f HTTP/1.1", "GET / HTTP/1.2", "GET http://b/ HTTP/1.1", "PATCH /; HTTP/1.0",
	}
	puzzleStatus = []string{"HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 ", "HTTP/1.1 304", "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 100 Continue", "HTTP/1.1 404 \xff\t", "HTTP/1.1 599  x", "HTTP/1.0 401 x"}
	puzzleNames  = []string{
		"Host", "host", "Content-Length", "content-length", "Transfer-Encoding", "TRANSFER-ENCODING", "Connection", "connection", "Upgrade", "Trailer", "Expect", "TE", "Authorization", "X-A", "x-a",
		"Content_Length", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "HTTP2-Settings", "Keep-Alive", "Content-Type", "Pragma", "Cookie", "!#$%&'*+-.^_`|~", "A ", "",
	}
	puzzleValues = []string{
		"a", "b:80", "[::1]", "", "0", "5", "05", "5, 5", "+5", "chunked", "Chunked", "chunked, chunked", "gzip", "identity", "close", "keep-alive", "Upgrade", "keep-alive, Upgrade", "upgrade,X-A", "X-B",
		"websocket", "WebSocket, h2c", "h2c", "100-continue", "trailers", "Bearer x", "13", "8", "dGhlIHNhbXBsZSBub25jZQ==", "X-Sum", "Content-Length", "no-cache", "text/event-stream;a", "\xff\t\x80", ",,", "a\tb", "a\rb", "x\x00",
	}
	puzzleBodies = []string{"", "hello", "hello, world", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n00\r\nX-Sum: a\r\n\r\nGET / HTTP/1.1\r\n", "5\r\nhel", "5\r\nhello\r\n", "5\nhello\n0\n\n", "0\r\nHost: a\r\n\r\n", "0\r\nX:\r\nY: \xff \r\n\r\n"}
	puzzleBlanks = []string{"", " ", " ", " ", " ", "\t ", "  "}
	puzzleEnds   = []string{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\n "}
)

func puzzle(r *rand.Rand, lines []string) string {
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	var b strings.Builder
	b.WriteString(pick(lines) + "\r\n")
	var fields []string
	if r.IntN(10) > 0 {
		fields = append(fields, "Host: a")
	}
	if r.IntN(3) == 0 {
		fields = append(fields, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	}
	switch r.IntN(4) {
	case 0:
		fields = append(fields, "Content-Length: 5")
	case 1:
		fields = append(fields, "Transfer-Encoding: chunked")
	}
	for range r.IntN(3) {
		fields = append(fields, pick(puzzleNames)+":"+pick(puzzleBlanks)+pick(puzzleValues)+pick(puzzleBlanks))
	}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	for _, f := range fields {
		b.WriteString(f + pick(puzzleEnds))
	}
	b.WriteString("\r\n" + pick(puzzleBodies))
	return b.String()
}

func TestPuzzles(t *testing.T) {
	const puzzles = 20000
	r := rand.New(rand.NewPCG(9112, 6455))
	requests, upgrades, answers := 0, 0, 0
	var in string
	defer func() {
		if t.Failed() {
			t.Logf("puzzle %q", in)
		}
	}()
	for range puzzles {
		in = puzzle(r, puzzleLines)
		sameRequest(t, []byte(in))
		oneReading(t, []byte(in))
		var req Request
		if n, err := End([]byte(in), 0, Limits{}); err == nil && n > 0 && req.Parse([]byte(in[:n]), Limits{}) == nil {
			requests++
			if req.CheckUpgrade() == nil {
				upgrades++
			}
		}
		in = puzzle(r, puzzleStatus)
		sameResponse(t, []byte(in), r.IntN(5) > 0)
		var resp Response
		if n, err := End([]byte(in), 0, Limits{}); err == nil && n > 0 && resp.Parse([]byte(in[:n]), Limits{}) == nil {
			answers++
		}
	}
	// Puzzles that are all refused would compare nothing.
	if requests < puzzles/10 || upgrades < puzzles/100 || answers < puzzles/10 {
		t.Errorf("of %d puzzles %d requests, %d upgrades and %d answers are accepted", puzzles, requests, upgrades, answers)
	}
}
