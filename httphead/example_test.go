package httphead_test

import (
	"fmt"
	"strings"

	"github.com/wssplice/wssplice/httphead"
)

// The upgrade of a browser, and what goes upstream in its place.
func ExampleRequest_AppendUpgrade() {
	buf := []byte("GET /jmap/ws?access_token=ey%2Bx&v=2 HTTP/1.1\r\n" +
		"Host: mail.example.org\r\n" +
		"connection: keep-alive, Upgrade\r\n" +
		"upgrade: WebSocket\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"\r\n")
	var req httphead.Request
	n, err := httphead.End(buf, 0, httphead.Limits{})
	if err == nil {
		err = req.Parse(buf[:n], httphead.Limits{})
	}
	if err == nil {
		err = req.CheckUpgrade()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	cred, err := req.Credential(httphead.Params{Token: "access_token"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(strings.ReplaceAll(string(req.AppendUpgrade(nil, cred)), "\r\n", "\n"))
	// Output:
	// GET /jmap/ws?v=2 HTTP/1.1
	// Host: mail.example.org
	// Connection: Upgrade
	// Upgrade: websocket
	// Sec-WebSocket-Version: 13
	// Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
	// Authorization: Bearer ey+x
}

// A bare line feed is refused as soon as it arrives.
func ExampleEnd() {
	n, err := httphead.End([]byte("GET / HTTP/1.1\nHo"), 0, httphead.Limits{})
	fmt.Println(n, err)
	// Output: 0 line feed without a carriage return
}
