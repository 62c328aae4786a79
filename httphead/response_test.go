package httphead

import (
	"strings"
	"testing"
)

func TestResponseAccepted(t *testing.T) {
	type want struct {
		status, minor int
		reason        string
		fields        int
		length        int64
		chunked       bool
		persistent    bool
		upgrade, sse  bool
	}
	for _, c := range []struct {
		name, in string
		want     want
	}{
		{"switching", switching, want{status: 101, minor: 1, reason: "Switching Protocols", fields: 5, length: -1, persistent: true, upgrade: true}},
		{"answer", answer, want{status: 200, minor: 1, reason: "OK", fields: 4, length: -1, chunked: true, persistent: true}},
		{"no reason", "HTTP/1.1 200 \r\n\r\n", want{status: 200, minor: 1, length: -1, persistent: true}},
		{"no space either", "HTTP/1.1 200\r\n\r\n", want{status: 200, minor: 1, length: -1, persistent: true}},
		{"reason of all kinds", "HTTP/1.1 404  Nicht\tgefunden \xfc\r\n\r\n", want{status: 404, minor: 1, reason: " Nicht\tgefunden \xfc", length: -1, persistent: true}},
		{"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", want{status: 200, reason: "OK", fields: 1, length: 5}},
		{"1.0 kept alive", "HTTP/1.0 599 x\r\nConnection: keep-alive\r\n\r\n", want{status: 599, reason: "x", fields: 1, length: -1, persistent: true}},
		{"close", "HTTP/1.1 100 Continue\r\nConnection: a, close\r\n\r\n", want{status: 100, minor: 1, reason: "Continue", fields: 1, length: -1}},
		{"odd options", "HTTP/1.1 200 OK\r\nConnection: a b, \"c\", close\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 1, length: -1}},
		{"many options", "HTTP/1.1 200 OK\r\nConnection: " + strings.Repeat("a,", 50) + "close\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 1, length: -1}},
		{"option names a field", "HTTP/1.1 200 OK\r\nDate: x\r\nConnection: date\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 2, length: -1, persistent: true}},
		{"upgrade offered", "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 1, length: -1, persistent: true, upgrade: true}},
		{"events", "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 1, length: -1, persistent: true, sse: true}},
		{"events with a parameter", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream ; charset=utf-8\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 1, length: -1, persistent: true, sse: true}},
		{"almost events", "HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 1, length: -1, persistent: true}},
		{"request fields mean nothing", "HTTP/1.1 200 OK\r\nHost: a b\r\nHost: c\r\nContent_Length: 5\r\nTrailer: Content-Type\r\nSec-WebSocket-Key: x\r\n\r\n", want{status: 200, minor: 1, reason: "OK", fields: 5, length: -1, persistent: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustResponse(t, c.in)
			got := want{r.Status, r.Minor, string(r.Reason), len(r.Fields), r.ContentLength, r.Chunked, r.Persistent(), r.HasUpgrade, r.EventStream}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			whole := string(r.Line)
			for _, f := range r.Fields {
				whole += string(f.Line)
			}
			if whole+"\r\n" != c.in {
				t.Errorf("the lines together are %q", whole)
			}
		})
	}
	r := mustResponse(t, answer)
	if v, n := r.Get("Vary"); string(v) != "Accept-Encoding" || n != 1 {
		t.Errorf("Get = %q, %d", v, n)
	}
}

func TestResponseRefused(t *testing.T) {
	ok := func(lines ...string) string { return "HTTP/1.1 200 OK\r\n" + crlf(lines) }
	for _, c := range []struct {
		name, in string
		err      Error
	}{
		{"a request", with(), ErrStatusLine},
		{"other protocol", "ICY 200 OK\r\n\r\n", ErrStatusLine},
		{"1.2", "HTTP/1.2 200 OK\r\n\r\n", ErrStatusLine},
		{"2.0", "HTTP/2.0 200 OK\r\n\r\n", ErrStatusLine},
		{"lower case", "http/1.1 200 OK\r\n\r\n", ErrStatusLine},
		{"two spaces", "HTTP/1.1  200 OK\r\n\r\n", ErrStatusLine},
		{"no status", "HTTP/1.1\r\n\r\n", ErrStatusLine},
		{"two digits", "HTTP/1.1 20\r\n\r\n", ErrStatusLine},
		{"two digits and a reason", "HTTP/1.1 20 OK\r\n\r\n", ErrStatusLine},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", ErrStatusLine},
		{"no digit", "HTTP/1.1 20? OK\r\n\r\n", ErrStatusLine},
		{"sign", "HTTP/1.1 +20 OK\r\n\r\n", ErrStatusLine},
		{"tab before the reason", "HTTP/1.1 200\tOK\r\n\r\n", ErrStatusLine},
		{"99", "HTTP/1.1 099 x\r\n\r\n", ErrStatus},
		{"600", "HTTP/1.1 600 x\r\n\r\n", ErrStatus},
		{"NUL in the reason", "HTTP/1.1 200 O\x00K\r\n\r\n", ErrNUL},
		{"bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", ErrBareCR},
		{"bare LF", "HTTP/1.1 200 OK\n\n", ErrBareLF},
		{"folded", ok("A: b", " c"), ErrFold},
		{"space before the colon", ok("A : b"), ErrNameSpace},
		{"no colon", ok("A"), ErrNoColon},
		{"two lengths", ok("Content-Length: 5", "Content-Length: 5"), ErrLengthRepeated},
		{"bad length", ok("Content-Length: 5 5"), ErrLength},
		{"length with encoding", ok("Content-Length: 5", "Transfer-Encoding: chunked"), ErrLengthAndEncoding},
		{"other encoding", ok("Transfer-Encoding: gzip"), ErrEncoding},
		{"two encodings", ok("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), ErrEncodingRepeated},
		{"trailer announces framing", ok("Trailer: Content-Length"), ErrTrailer},
		{"encoding in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ErrEncoding10},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := read(t, new(Response), c.in, Limits{}); err != c.err {
				t.Errorf("got  %v\nwant %v", err, c.err)
			}
			if i := strings.Index(c.in, "\r\n\r\n"); i >= 0 {
				if err := new(Response).Parse([]byte(c.in[:i+4]), Limits{}); err == nil {
					t.Error("Parse without End accepts it")
				}
			}
		})
	}
	r := new(Response)
	if err := r.Parse([]byte(answer), Limits{Fields: 3}); err != ErrTooManyFields {
		t.Errorf("four fields of three: %v", err)
	}
	if err := r.Parse([]byte(answer), Limits{Bytes: 20}); err != ErrTooLong {
		t.Errorf("too long: %v", err)
	}
	if err := r.Parse([]byte(answer+answer), Limits{}); err != ErrUnfinished {
		t.Errorf("two heads: %v", err)
	}
}
