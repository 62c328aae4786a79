package httphead

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What is accepted here must be what net/http reads too, body and all: the same method, target,
// host and framing, and not one byte more or less. More may be refused.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		firefox, post + postBody, with("Transfer-Encoding: chunked") + "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nGET", with("Content-Length: 5") + "hello, ",
		with("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"), "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET //a/b?c?d&e=%zz HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", with("A : b"), with("A: b", " c"),
		with("Content-Length: 5", "Transfer-Encoding: chunked"), "GET /:a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(sameRequest)
}

func sameRequest(t *testing.T, in []byte) {
	n, err := End(in, 0, Limits{})
	if n == 0 || err != nil {
		// Parse must survive and refuse what is no head.
		var r Request
		if r.Parse(in, Limits{}) == nil {
			t.Fatalf("Parse accepts what End does not: %q", in)
		}
		return
	}
	for split := range n {
		if k, err := End(in[:split], 0, Limits{}); k != 0 || err != nil {
			t.Fatalf("End of the first %d bytes: %d, %v", split, k, err)
		}
		if k, err := End(in, split, Limits{}); k != n || err != nil {
			t.Fatalf("End with %d bytes seen: %d, %v, want %d", split, k, err, n)
		}
	}
	var r Request
	if r.Parse(in[:n], Limits{}) != nil {
		return
	}
	br := bufio.NewReader(bytes.NewReader(in))
	std, err := http.ReadRequest(br)
	if err != nil {
		t.Fatalf("net/http refuses: %v", err)
	}
	host, _ := r.Get("Host")
	if std.Method != string(r.Method) || std.RequestURI != string(r.Target) || std.Host != string(host) || std.ProtoMinor != r.Minor {
		t.Fatalf("net/http reads %s %s of %q in 1.%d", std.Method, std.RequestURI, std.Host, std.ProtoMinor)
	}
	if string(r.Target) != "*" && (std.URL.EscapedPath() != string(r.Path) && std.URL.Path != unescaped(t, r.Path) || std.URL.RawQuery != string(r.Query)) {
		t.Fatalf("net/http reads path %q and query %q", std.URL.Path, std.URL.RawQuery)
	}
	if want := max(r.ContentLength, 0); !r.Chunked && std.ContentLength != want {
		t.Fatalf("net/http reads a length of %d", std.ContentLength)
	}
	if chunked := len(std.TransferEncoding) == 1; chunked != r.Chunked {
		t.Fatalf("net/http reads encodings %q", std.TransferEncoding)
	}
	compareFields(t, r.Fields, std.Header, "Host", "Transfer-Encoding", "Trailer", "Cache-Control")
	compareBody(t, r.Body(), in[n:], std.Body, br)
}

func unescaped(t *testing.T, path []byte) string {
	s, err := url.PathUnescape(string(path))
	if err != nil {
		t.Fatalf("path %q: %v", path, err)
	}
	return s
}

// compareFields demands the same values in the same order for each name, but for those that net/http moves elsewhere or makes up (Cache-Control out of Pragma).
func compareFields(t *testing.T, fields []Field, std http.Header, moved ...string) {
	t.Helper()
	ours := http.Header{}
	for _, f := range fields {
		ours.Add(string(f.Name), string(f.Value))
	}
	for _, name := range moved {
		ours.Del(name)
		std = std.Clone()
		std.Del(name)
	}
	for name, values := range ours {
		if strings.Join(values, "\n") != strings.Join(std[name], "\n") {
			t.Fatalf("%s: %q here, %q in net/http", name, values, std[name])
		}
	}
	if len(ours) != len(std) {
		t.Fatalf("%d names here, %d in net/http: %q", len(ours), len(std), std)
	}
}

// compareBody demands that net/http reads the same data and leaves the same bytes behind it, and
// that it misses the end where it is missed here.
func compareBody(t *testing.T, b Body, in []byte, std io.Reader, behind io.Reader) {
	t.Helper()
	n, data, done, err := follow(b, string(in), 1<<20, true)
	if err != nil {
		return
	}
	got, stdErr := io.ReadAll(std)
	if string(got) != data {
		t.Fatalf("body %q here, %q in net/http (%v)", data, got, stdErr)
	}
	if b.UntilClose() {
		return
	}
	if done != (stdErr == nil) {
		t.Fatalf("done is %v, net/http: %v", done, stdErr)
	}
	if rest, _ := io.ReadAll(behind); done && string(rest) != string(in[n:]) {
		t.Fatalf("%q behind the body here, %q in net/http", in[n:], rest)
	}
}
