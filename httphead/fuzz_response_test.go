package httphead

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"testing"
)

// An answer that is accepted here is read by net/http too, with the same status, fields and body.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		switching, answer + answerBody, "HTTP/1.0 200\r\n\r\nhello", "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close, a b\r\n\r\nhello, ", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 401 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 204 \r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(sameResponse)
}

func sameResponse(t *testing.T, in []byte, get bool) {
	n, err := End(in, 0, Limits{})
	var r Response
	if n == 0 || err != nil {
		if r.Parse(in, Limits{}) == nil {
			t.Fatalf("Parse accepts what End does not: %q", in)
		}
		return
	}
	if r.Parse(in[:n], Limits{}) != nil {
		return
	}
	method := "GET"
	if !get {
		method = "HEAD"
	}
	br := bufio.NewReader(bytes.NewReader(in))
	std, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("net/http refuses: %v", err)
	}
	if std.StatusCode != r.Status || std.ProtoMinor != r.Minor {
		t.Fatalf("net/http reads %d in 1.%d", std.StatusCode, std.ProtoMinor)
	}
	compareFields(t, r.Fields, std.Header, "Connection", "Transfer-Encoding", "Trailer", "Cache-Control")
	compareBody(t, r.Body([]byte(method)), in[n:], std.Body, br)
	for _, close := range []bool{false, true} {
		out := r.AppendPlain(nil, close)
		var again Response
		if n, err := End(out, 0, Limits{Bytes: 32 << 10}); n != len(out) || err != nil {
			t.Fatalf("End of what goes out: %d of %d, %v", n, len(out), err)
		}
		if err := again.Parse(out, Limits{Bytes: 32 << 10, Fields: 101}); err != nil {
			t.Fatalf("what goes out is refused: %v: %q", err, out)
		}
		if again.NeedsRewrite() || close && again.Persistent() || again.ContentLength != r.ContentLength || again.Chunked != r.Chunked || again.Status != r.Status {
			t.Fatalf("%q goes out as %q", in[:n], out)
		}
	}
}

// A chunked body is read as net/http's chunked reader does; more may be refused.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nGET", "1;a=\"b\"\r\nx\r\n0;\r\nA: b\r\n\r\n", "00a;b\r\n0123456789\r\n0\r\n\r\n", "fffffffffffffff\r\n", "5\nhello\n0\n\n", "5\r\nhel", "00a \t;b\r\n0123456789\r\n0\r\n\r\n", "2\r\n\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		b := chunked()
		n, err := b.Next(in)
		if n > len(in) || b.Done() && err != nil {
			t.Fatalf("Next = %d, %v", n, err)
		}
		k, data, done, err2 := follow(chunked(), string(in), max(size, 1), size%2 == 0)
		if k != n || done != b.Done() || err2 != err {
			t.Fatalf("at once: %d, %v, %v; in parts: %d, %v, %v", n, b.Done(), err, k, done, err2)
		}
		if err != nil {
			return
		}
		got, stdErr := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
		if string(got) != data {
			t.Fatalf("%q here, %q in net/http (%v)", data, got, stdErr)
		}
		// The reader of net/http ends before the trailer, so it may be through where more is waited for here.
		if done && stdErr != nil {
			t.Fatalf("done here, in net/http: %v", stdErr)
		}
	})
}
