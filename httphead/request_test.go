package httphead

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestRequestAccepted(t *testing.T) {
	type want struct {
		method, path, query string
		hasQuery            bool
		minor               int
		fields              int
		length              int64
		chunked             bool
		upgrade             UpgradeKind
		expect              bool
		persistent, body    bool
	}
	for _, c := range []struct {
		name, in string
		want     want
	}{
		{"browser", firefox, want{"GET", "/jmap/ws", "access_token=eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJqYW5lIiwiZXhwIjoxNzk1NDU2MDAwfQ.m8y0XlZ%2BbQ&v=2", true, 1, 17, -1, false, WebSocket, false, true, false}},
		{"post", post, want{method: "POST", path: "/jmap/", minor: 1, fields: 7, length: 27, persistent: true, body: true}},
		{"chunked in any case", with("transfer-encoding: CHUNKED"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1, chunked: true, persistent: true, body: true}},
		{"close", with("Connection: Close"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1}},
		{"close wins", with("Connection: keep-alive,,close ,"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1}},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", want{method: "GET", path: "/", length: -1}},
		{"1.0 kept alive", "GET / HTTP/1.0\r\nConnection: foo\r\nConnection: Keep-Alive\r\n\r\n", want{method: "GET", path: "/", fields: 2, length: -1, persistent: true}},
		{"no query is not an empty one", "GET /x? HTTP/1.0\r\n\r\n", want{method: "GET", path: "/x", hasQuery: true, length: -1}},
		{"second question mark", "GET /x?a?b=%zz HTTP/1.0\r\n\r\n", want{method: "GET", path: "/x", query: "a?b=%zz", hasQuery: true, length: -1}},
		{"all a path may hold", "M-SEARCH /!\"$&'()*+,-./:;<=>@[\\]^_`{|}~%41%ff HTTP/1.0\r\n\r\n", want{method: "M-SEARCH", path: "/!\"$&'()*+,-./:;<=>@[\\]^_`{|}~%41%ff", length: -1}},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", want{method: "OPTIONS", path: "*", minor: 1, fields: 1, length: -1, persistent: true}},
		{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", want{method: "GET", path: "/", minor: 1, fields: 1, length: -1, persistent: true}},
		{"empty length", with("Content-Length: 0"), want{method: "GET", path: "/", minor: 1, fields: 2, persistent: true}},
		{"largest length", with("Content-Length: 9223372036854775807"), want{method: "GET", path: "/", minor: 1, fields: 2, length: 1<<63 - 1, persistent: true, body: true}},
		{"expect", with("Expect: 100-Continue", "Content-Length: 1"), want{method: "GET", path: "/", minor: 1, fields: 3, length: 1, expect: true, persistent: true, body: true}},
		{"expect in 1.0", "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", want{method: "GET", path: "/", fields: 1, length: -1}},
		{"expect something else", with("Expect: 100-continue, magic"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1, persistent: true}},
		{"option upgrade alone", with("Connection: upgrade"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1, persistent: true}},
		{"h2c", with("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"), want{method: "GET", path: "/", minor: 1, fields: 4, length: -1, upgrade: OtherUpgrade, persistent: true}},
		{"other upgrade without the option", with("Upgrade: TLS/1.0"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1, upgrade: OtherUpgrade, persistent: true}},
		{"empty upgrade", with("Upgrade:"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1, upgrade: OtherUpgrade, persistent: true}},
		{"websocket among others", with("Upgrade: h2c", "Upgrade: x/1 , WebSocket", "Connection: UPGRADE"), want{method: "GET", path: "/", minor: 1, fields: 4, length: -1, upgrade: WebSocket, persistent: true}},
		{"websocket with a version is another protocol", with("Upgrade: websocket/13", "Connection: Upgrade"), want{method: "GET", path: "/", minor: 1, fields: 3, length: -1, upgrade: OtherUpgrade, persistent: true}},
		{"hop-by-hop fields named", with("Connection: te, trailer, Keep-Alive, Proxy-Connection, close", "TE: trailers", "Trailer: X-Sum", "Keep-Alive: 5", "Proxy-Connection: x"), want{method: "GET", path: "/", minor: 1, fields: 6, length: -1}},
		{"unknown option that names nothing", with("Connection: X-Gone"), want{method: "GET", path: "/", minor: 1, fields: 2, length: -1, persistent: true}},
		{"values of all kinds", with("A:", "B:\t \t", "C: \tx y\t ", "D:\x80\xff\"\\"), want{method: "GET", path: "/", minor: 1, fields: 5, length: -1, persistent: true}},
		{"other underscores", with("X_Y: 1", "Content_Type: a"), want{method: "GET", path: "/", minor: 1, fields: 3, length: -1, persistent: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustRequest(t, c.in)
			got := want{string(r.Method), string(r.Path), string(r.Query), r.HasQuery, r.Minor, len(r.Fields), r.ContentLength, r.Chunked, r.Upgrade, r.Expect100, r.Persistent(), r.HasBody()}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			whole := string(r.Line)
			for _, f := range r.Fields {
				whole += string(f.Line)
				if want := strings.Trim(strings.SplitN(string(f.Line), ":", 2)[1], " \t\r\n"); string(f.Value) != want {
					t.Errorf("value %q, want %q", f.Value, want)
				}
				if !strings.HasPrefix(string(f.Line), string(f.Name)+":") {
					t.Errorf("name %q of line %q", f.Name, f.Line)
				}
			}
			if whole+"\r\n" != c.in {
				t.Errorf("the lines together are %q", whole)
			}
			if r.HasQuery != strings.Contains(c.in[:len(r.Line)], "?") || !strings.Contains(string(r.Line), " "+string(r.Target)+" ") {
				t.Errorf("target %q of %q", r.Target, r.Line)
			}
		})
	}
}

func TestRequestRefused(t *testing.T) {
	line := func(s string) string { return s + "\r\nHost: a\r\n\r\n" }
	for _, c := range []struct {
		name, in string
		err      Error
	}{
		{"two spaces before the target", line("GET  / HTTP/1.1"), ErrRequestLine},
		{"two spaces before the version", line("GET /  HTTP/1.1"), ErrRequestLine},
		{"space behind the version", line("GET / HTTP/1.1 "), ErrRequestLine},
		{"tab between", line("GET\t/ HTTP/1.1"), ErrMethod},
		{"HTTP/0.9", line("GET /"), ErrRequestLine},
		{"only a method", line("GET"), ErrRequestLine},
		{"no target", line("GET HTTP/1.1"), ErrRequestLine},
		{"target and no version", line("GET / "), ErrRequestLine},
		{"words", line("GET / and more of it"), ErrRequestLine},
		{"method of other octets", line("G(T / HTTP/1.1"), ErrMethod},
		{"octet above ASCII in the method", line("GE\xc3\xa4 / HTTP/1.1"), ErrMethod},
		{"1.2", line("GET / HTTP/1.2"), ErrVersion},
		{"1.10", line("GET / HTTP/1.10"), ErrVersion},
		{"01.1", line("GET / HTTP/01.1"), ErrVersion},
		{"lower case", line("GET / http/1.1"), ErrRequestLine},
		{"3.0", line("GET / HTTP/3.0"), ErrVersion},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ErrHTTP2},
		{"PROXY protocol 1", "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrProxyLine},
		{"CONNECT", line("CONNECT a:443 HTTP/1.1"), ErrConnect},
		{"CONNECT with a path, in lower case", line("connect / HTTP/1.1"), ErrConnect},
		{"absolute form", line("GET http://a/ HTTP/1.1"), ErrTargetForm},
		{"authority form", line("GET a:80 HTTP/1.1"), ErrTargetForm},
		{"asterisk with GET", line("GET * HTTP/1.1"), ErrTargetForm},
		{"asterisk and more", line("OPTIONS ** HTTP/1.1"), ErrTargetForm},
		{"asterisk with a query", line("OPTIONS *?a HTTP/1.1"), ErrTargetForm},
		{"query alone", line("GET ?a HTTP/1.1"), ErrTargetForm},
		{"fragment", line("GET /#a HTTP/1.1"), ErrTargetOctet},
		{"fragment in the query", line("GET /?#a HTTP/1.1"), ErrTargetOctet},
		{"octet above ASCII in the path", line("GET /\xc3\xa4 HTTP/1.1"), ErrTargetOctet},
		{"octet above ASCII in the query", line("GET /?\xc3\xa4 HTTP/1.1"), ErrTargetOctet},
		{"tab in the target", line("GET /\ta HTTP/1.1"), ErrTargetOctet},
		{"DEL in the target", line("GET /\x7f HTTP/1.1"), ErrControl},
		{"half an escape in the path", line("GET /%4 HTTP/1.1"), ErrPathEscape},
		{"no escape in the path", line("GET /%zz HTTP/1.1"), ErrPathEscape},
		{"percent before the query", line("GET /%?a HTTP/1.1"), ErrPathEscape},

		{"folded", with("A: b", " c: d"), ErrFold},
		{"folded by a tab", with("A: b", "\tc"), ErrFold},
		{"folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", ErrFold},
		{"no name", with(": b"), ErrNoName},
		{"space before the colon", with("A : b"), ErrNameSpace},
		{"tab before the colon", with("Transfer-Encoding\t: chunked"), ErrNameSpace},
		{"space in the name", with("A B: c"), ErrNameSpace},
		{"no colon", with("abc"), ErrNoColon},
		{"name of other octets", with("A(b): c"), ErrName},
		{"octet above ASCII in the name", with("\xc3\xa4: c"), ErrName},
		{"bare LF in a value", with("A: b\nc: d"), ErrBareLF},
		{"bare CR in a value", with("A: b\rc: d"), ErrBareCR},
		{"NUL in a value", with("A: \x00"), ErrNUL},
		{"NUL in a name", with("A\x00: b"), ErrNUL},
		{"control in a value", with("A: b\x08"), ErrControl},
		{"underscore for the hyphen of the length", with("content_Length: 5"), ErrTwin},
		{"underscore for the hyphen of the encoding", with("Transfer_encoding: chunked"), ErrTwin},

		{"no Host", "GET / HTTP/1.1\r\n\r\n", ErrNoHost},
		{"two Hosts", with("host: a"), ErrHostRepeated},
		{"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", ErrHostRepeated},

		{"two equal lengths", with("Content-Length: 5", "Content-Length: 5"), ErrLengthRepeated},
		{"list of lengths", with("Content-Length: 5, 5"), ErrLength},
		{"empty length", with("Content-Length:"), ErrLength},
		{"sign", with("Content-Length: +5"), ErrLength},
		{"negative", with("Content-Length: -5"), ErrLength},
		{"hexadecimal", with("Content-Length: 0x5"), ErrLength},
		{"fraction", with("Content-Length: 5.0"), ErrLength},
		{"octets next to the digits", with("Content-Length: 1:"), ErrLength},
		{"one too large", with("Content-Length: 9223372036854775808"), ErrLengthOverflow},
		{"twenty digits", with("Content-Length: 99999999999999999999"), ErrLengthOverflow},
		{"length with encoding", with("Content-Length: 5", "Transfer-Encoding: chunked"), ErrLengthAndEncoding},
		{"encoding with length", with("Transfer-Encoding: chunked", "Content-Length: 0"), ErrLengthAndEncoding},
		{"identity", with("Transfer-Encoding: identity"), ErrEncoding},
		{"gzip, chunked", with("Transfer-Encoding: gzip, chunked"), ErrEncoding},
		{"chunked twice", with("Transfer-Encoding: chunked, chunked"), ErrEncoding},
		{"chunked with a comma", with("Transfer-Encoding: chunked,"), ErrEncoding},
		{"chunked with a parameter", with("Transfer-Encoding: chunked;a=b"), ErrEncoding},
		{"quoted chunked", with("Transfer-Encoding: \"chunked\""), ErrEncoding},
		{"vertical tab", with("Transfer-Encoding: \x0bchunked"), ErrControl},
		{"empty encoding", with("Transfer-Encoding:"), ErrEncoding},
		{"two encodings", with("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), ErrEncodingRepeated},
		{"second encoding empty", with("Transfer-Encoding: chunked", "Transfer-Encoding:"), ErrEncodingRepeated},
		{"encoding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ErrEncoding10},
		{"trailer announces framing", with("Trailer: X, content-length"), ErrTrailer},
		{"trailer announces a credential", with("Trailer: Authorization"), ErrTrailer},
		{"trailer announces a twin", with("Trailer: transfer_encoding"), ErrTrailer},

		{"option of two words", with("Connection: keep alive"), ErrOption},
		{"quoted option", with("Connection: \"close\""), ErrOption},
		{"good and bad option", with("Connection: a(b), close"), ErrOption},
		{"option names a credential", with("Authorization: Bearer x", "Connection: Upgrade, authorization"), ErrOptionField},
		{"option names a later field", with("Connection: X-Forwarded-For, close", "x-forwarded-for: 192.0.2.1"), ErrOptionField},
		{"option names Host", with("Connection: host"), ErrOptionField},
		{"option names itself", with("Connection: connection"), ErrOptionField},
		{"option names the framing", with("Transfer-Encoding: chunked", "Connection: transfer-encoding"), ErrOptionField},
		{"too many options", with("Connection: " + strings.Repeat("a,", 33)), ErrTooManyOptions},
		{"websocket without the option", with("Upgrade: websocket"), ErrUpgradeOption},
		{"websocket with another option", with("Upgrade: WebSocket", "Connection: keep-alive"), ErrUpgradeOption},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := read(t, new(Request), c.in, Limits{}); err != c.err {
				t.Errorf("got  %v\nwant %v", err, c.err)
			}
			// Parse does not rely on what End has seen.
			if i := strings.Index(c.in, "\r\n\r\n"); i >= 0 {
				if err := new(Request).Parse([]byte(c.in[:i+4]), Limits{}); err == nil {
					t.Error("Parse without End accepts it")
				}
			}
		})
	}
}

func TestHost(t *testing.T) {
	for host, ok := range map[string]bool{
		"": true, "a": true, "mail.example.org": true, "mail.example.org:8080": true, "a:": true, "192.0.2.1:80": true, "[2001:db8::1]": true, "[::1]:80": true,
		"[fe80::1%25eth0]:80": true, "a_b": true, "xn--bcher-kva.example": true, "a%41": true,
		"a b": false, "a,b:80,c": false, "a/b": false, "user@a": false, "a:80:80": false, "a:8o": false, "a?b": false, "a#b": false, "[::1": false, "[]": false, "[::1]a": false, "::1": false,
		"b\xc3\xbccher.example": false, "a\tb": false, "\"a\"": false, "a\\b": false, "<a>": false, "[[::1]]": false,
	} {
		_, err := read(t, new(Request), "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", Limits{})
		if (err == nil) != ok || err != nil && err != ErrHost {
			t.Errorf("Host %q: %v", host, err)
		}
	}
}

func TestRequestLimits(t *testing.T) {
	many := "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 99) + "\r\n"
	r := mustRequest(t, many)
	if len(r.Fields) != 100 {
		t.Errorf("%d fields", len(r.Fields))
	}
	if err := r.Parse([]byte(strings.Replace(many, "A: b", "A: b\r\nA: b", 1)), Limits{}); err != ErrTooManyFields {
		t.Errorf("101 fields: %v", err)
	}
	if err := r.Parse([]byte(many), Limits{Fields: 99}); err != ErrTooManyFields {
		t.Errorf("100 fields of 99: %v", err)
	}
	if err := r.Parse([]byte(many), Limits{Bytes: len(many) - 1}); err != ErrTooLong {
		t.Errorf("a byte too many: %v", err)
	}
	if err := r.Parse([]byte(with()+with()), Limits{}); err != ErrUnfinished {
		t.Errorf("two heads: %v", err)
	}
	if err := r.Parse([]byte(many[:len(many)-2]), Limits{}); err != ErrUnfinished {
		t.Errorf("no empty line: %v", err)
	}
}

func TestRequestGet(t *testing.T) {
	r := mustRequest(t, with("X-A: 1", "x-a:2", "X-AB: 3"))
	for _, c := range []struct {
		name, value string
		count       int
	}{{"x-A", "1", 2}, {"X-AB", "3", 1}, {"host", "a", 1}, {"X-B", "", 0}, {"", "", 0}} {
		if v, n := r.Get(c.name); string(v) != c.value || n != c.count {
			t.Errorf("Get(%q) = %q, %d", c.name, v, n)
		}
	}
}

// What one head said must not be left for the next one.
func TestRequestReused(t *testing.T) {
	r := mustRequest(t, upgrade("/?a=b", "Authorization: a", "Expect: 100-continue", "Connection: close, keep-alive"))
	if err := r.Parse([]byte("GET / HTTP/1.0\r\n\r\n"), Limits{}); err != nil {
		t.Fatal(err)
	}
	fresh := mustRequest(t, "GET / HTTP/1.0\r\n\r\n")
	r.Fields, fresh.Fields = nil, nil
	if !reflect.DeepEqual(r, fresh) {
		t.Error("a reused request differs from a fresh one")
	}
}

// A request in a log line or a panic by mistake must not show a credential.
func TestRequestFormatted(t *testing.T) {
	r := mustRequest(t, upgrade("/ws?access_token=canary", "Authorization: Bearer canary"))
	bytes := fmt.Sprint([]byte("canary"))
	bytes = bytes[1 : len(bytes)-1]
	c, err := r.Credential(params)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, v := range []any{r, *r, []*Request{r}[0], c} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "canary") || strings.Contains(s, bytes) || strings.Contains(s, "63616e617279") {
				t.Errorf("%s shows %s", verb, s)
			}
		}
	}
}
