package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

const (
	exact  = "Connection: Upgrade"
	bearer = "Authorization: Bearer " + DefaultToken
)

func TestUpgrade(t *testing.T) {
	_, addr := startUpstream(t)
	for _, tt := range []struct {
		name   string
		target string
		fields []string
		want   int
	}{
		{"as it must be", "/jmap/ws", []string{exact, bearer}, 101},
		{"no bearer", "/jmap/ws", []string{exact}, 401},
		{"wrong bearer", "/jmap/ws", []string{exact, bearer + "="}, 401},
		{"bearer still encoded", "/jmap/ws", []string{exact, "Authorization: Bearer demo%2Bmail%2Ftoken%3D%3D"}, 401},
		{"form-decoded plus", "/jmap/ws", []string{exact, "Authorization: Bearer demo mail/token=="}, 401},
		{"two bearers", "/jmap/ws", []string{exact, bearer, bearer}, 401},
		{"basic", "/jmap/ws", []string{exact, "Authorization: Basic ZGVtbzpkZW1v"}, 401},
		{"token in the query", "/jmap/ws?access_token=demo%2Bmail%2Ftoken%3D%3D", []string{exact}, 401},
		{"lower case", "/jmap/ws", []string{"Connection: upgrade", bearer}, 400},
		{"among others", "/jmap/ws", []string{"Connection: keep-alive, Upgrade", bearer}, 400},
		{"two lines", "/jmap/ws", []string{exact, exact, bearer}, 400},
		{"no Connection", "/jmap/ws", []string{bearer}, 400},
		{"another origin", "/jmap/ws", []string{exact, bearer, "Origin: http://evil.example"}, 403},
		{"own origin", "/jmap/ws", []string{exact, bearer, "Origin: http://demo.example"}, 101},
		{"no such path", "/jmap/other", []string{exact, bearer}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := ask(t, addr, upgradeHead(tt.target, tt.fields...))
			if resp.StatusCode != tt.want {
				t.Errorf("%s, want %d", resp.Status, tt.want)
			}
			if got := resp.Header.Get("WWW-Authenticate") != ""; got != (tt.want == 401) {
				t.Errorf("WWW-Authenticate in the answer: %t", got)
			}
		})
	}
}

func TestSession(t *testing.T) {
	_, addr := startUpstream(t)
	resp := ask(t, addr, "GET /jmap/session HTTP/1.1\r\nHost: mail.example:8\r\n\r\n")
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a bearer: %s, want 401", resp.Status)
	}
	resp = ask(t, addr, "GET /jmap/session HTTP/1.1\r\nHost: mail.example:8\r\n"+bearer+"\r\n\r\n")
	var session struct {
		Capabilities map[string]json.RawMessage
		APIURL       string
	}
	if err := json.NewDecoder(resp.Body).Decode(&session); err != nil {
		t.Fatal(err)
	}
	if got, want := string(session.Capabilities["urn:ietf:params:jmap:websocket"]),
		`{"supportsPush":true,"url":"ws://mail.example:8/jmap/ws"}`; got != want {
		t.Errorf("WebSocket capability %s, want %s", got, want)
	}
	if got, want := session.APIURL, "http://mail.example:8/jmap/api"; got != want {
		t.Errorf("apiUrl %s, want %s", got, want)
	}
}

func TestMessages(t *testing.T) {
	_, addr := startUpstream(t)
	c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	for _, tt := range []struct{ name, ask, want string }{
		{
			"echo",
			`{"@type":"Request","id":"R1","using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":[1,"ü"]},"c1"]]}`,
			`{"@type":"Response","methodResponses":[["Core/echo",{"a":[1,"ü"]},"c1"]],"requestId":"R1","sessionState":"0"}`,
		}, {
			"no id",
			`{"@type":"Request","using":[],"methodCalls":[]}`,
			`{"@type":"Response","methodResponses":[],"sessionState":"0"}`,
		}, {
			"unknown method beside a known one",
			`{"@type":"Request","id":"R2","using":[],"methodCalls":[["Email/get",{},"c1"],["Core/echo",{},"c2"]]}`,
			`{"@type":"Response","methodResponses":[["error",{"type":"unknownMethod"},"c1"],["Core/echo",{},"c2"]],"requestId":"R2","sessionState":"0"}`,
		}, {
			"unknown capability",
			`{"@type":"Request","id":"R3","using":["urn:example:none"],"methodCalls":[]}`,
			`{"@type":"RequestError","detail":"using names a capability that is not in the session object","requestId":"R3","status":400,"type":"urn:ietf:params:jmap:error:unknownCapability"}`,
		}, {
			"unknown type",
			`{"@type":"Question","id":"R4"}`,
			`{"@type":"RequestError","detail":"no such @type here","requestId":"R4","status":400,"type":"urn:ietf:params:jmap:error:notRequest"}`,
		}, {
			"no method calls",
			`{"@type":"Request","id":"R5","using":[]}`,
			`{"@type":"RequestError","detail":"using or methodCalls is missing","requestId":"R5","status":400,"type":"urn:ietf:params:jmap:error:notRequest"}`,
		}, {
			"call too short",
			`{"@type":"Request","id":"R6","using":[],"methodCalls":[["Core/echo",{}]]}`,
			`{"@type":"RequestError","detail":"a method call is not [name, arguments, id]","requestId":"R6","status":400,"type":"urn:ietf:params:jmap:error:notRequest"}`,
		}, {
			"wrong field type",
			`{"@type":"Request","using":7}`,
			`{"@type":"RequestError","detail":"a field has a type that it cannot have","requestId":null,"status":400,"type":"urn:ietf:params:jmap:error:notRequest"}`,
		}, {
			"no JSON",
			`hello`,
			`{"@type":"RequestError","detail":"the message is not JSON","requestId":null,"status":400,"type":"urn:ietf:params:jmap:error:notJSON"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.say(tt.ask)
			if _, got := c.hear(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestBinaryMessageEndsTheSocket(t *testing.T) {
	_, addr := startUpstream(t)
	c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	if err := c.Write(within(t), websocket.MessageBinary, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(within(t)); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("ended with %v, want 1003", err)
	}
}

func TestAPI(t *testing.T) {
	_, addr := startUpstream(t)
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"echo", `{"using":[],"methodCalls":[["Core/echo",{"a":1},"c"]]}`, 200, `[["Core/echo",{"a":1},"c"]]`},
		{"no JSON", `hello`, 400, "notJSON"},
		{"unknown capability", `{"using":["x"],"methodCalls":[]}`, 400, "unknownCapability"},
		{"too large", `"` + strings.Repeat("x", maxMessage) + `"`, 400, "maxSizeRequest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(within(t), "POST", "http://"+addr+"/jmap/api", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+DefaultToken)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(string(b), tt.want) {
				t.Errorf("%s\n%s\nwant %d with %s", resp.Status, b, tt.status, tt.want)
			}
		})
	}
}
