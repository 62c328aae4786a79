package demo

import (
	"encoding/json"
	"net/http"
)

const (
	capCore      = "urn:ietf:params:jmap:core"
	capWebSocket = "urn:ietf:params:jmap:websocket"
	errorPrefix  = "urn:ietf:params:jmap:error:"

	// sessionState never changes: the session object does not either.
	sessionState = "0"
	accountID    = "demo"
)

// The message types of RFC 8887 §4.3.
const (
	typeRequest      = "Request"
	typeResponse     = "Response"
	typeRequestError = "RequestError"
	typePushEnable   = "WebSocketPushEnable"
	typePushDisable  = "WebSocketPushDisable"
	typeStateChange  = "StateChange"
)

type object = map[string]any

// newSession is the session object (RFC 8620 §2) as a client that asked host
// sees it. The host is the one in the request, so a client that came through
// a proxy also opens its WebSocket through it. Nothing serves the last
// three URLs; they are there because the RFC demands them.
func newSession(host string) object {
	plain, ws := "http://"+host, "ws://"+host
	return object{
		"capabilities": object{
			capCore: object{
				"maxSizeUpload": 0, "maxConcurrentUpload": 1,
				"maxSizeRequest": maxMessage, "maxConcurrentRequests": 1,
				"maxCallsInRequest": 64, "maxObjectsInGet": 1, "maxObjectsInSet": 1,
				"collationAlgorithms": []string{},
			},
			capWebSocket: object{"url": ws + "/jmap/ws", "supportsPush": true},
		},
		"accounts": object{accountID: object{
			"name": "demo@example.org", "isPersonal": true, "isReadOnly": true,
			"accountCapabilities": object{},
		}},
		"primaryAccounts": object{},
		"username":        "demo@example.org",
		"state":           sessionState,
		"apiUrl":          plain + "/jmap/api",
		"downloadUrl":     plain + "/jmap/download/{accountId}/{blobId}/{name}?accept={type}",
		"uploadUrl":       plain + "/jmap/upload/{accountId}",
		"eventSourceUrl":  plain + "/jmap/events?types={types}&closeafter={closeafter}&ping={ping}",
	}
}

// message is any message of a client; Type says which fields count.
type message struct {
	Type        string              `json:"@type"`
	ID          *string             `json:"id"`
	Using       []string            `json:"using"`
	MethodCalls [][]json.RawMessage `json:"methodCalls"`
	DataTypes   []string            `json:"dataTypes"` // nil: all (RFC 8887 §4.3.5.2)
	PushState   string              `json:"pushState"`
}

type response struct {
	Type            string              `json:"@type"`
	RequestID       *string             `json:"requestId,omitempty"`
	MethodResponses [][]json.RawMessage `json:"methodResponses"`
	SessionState    string              `json:"sessionState"`
}

// requestError refuses a message as a whole (RFC 8887 §4.3.4).
type requestError struct {
	Type      string  `json:"@type"`
	RequestID *string `json:"requestId"` // null where the request had none
	Problem   string  `json:"type"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
}

type stateChange struct {
	Type      string                       `json:"@type"`
	Changed   map[string]map[string]string `json:"changed"`
	PushState string                       `json:"pushState"`
}

func refuse(id *string, problem, detail string) *requestError {
	return &requestError{typeRequestError, id, errorPrefix + problem, http.StatusBadRequest, detail}
}

func parseMessage(b []byte) (message, *requestError) {
	var m message
	if !json.Valid(b) {
		return m, refuse(nil, "notJSON", "the message is not JSON")
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, refuse(m.ID, "notRequest", "a field has a type that it cannot have")
	}
	return m, nil
}

// answer runs a Request. An unknown method fails on its own and leaves the
// other calls their answers (RFC 8620 §3.6.2); an unknown capability or a
// call that is none fails the request.
func (m *message) answer() (*response, *requestError) {
	if m.Type != typeRequest {
		return nil, refuse(m.ID, "notRequest", "no such @type here")
	}
	for _, c := range m.Using {
		if c != capCore && c != capWebSocket {
			return nil, refuse(m.ID, "unknownCapability", "using names a capability that is not in the session object")
		}
	}
	if m.Using == nil || m.MethodCalls == nil {
		return nil, refuse(m.ID, "notRequest", "using or methodCalls is missing")
	}
	done := make([][]json.RawMessage, 0, len(m.MethodCalls))
	for _, call := range m.MethodCalls {
		var name string
		if len(call) != 3 || json.Unmarshal(call[0], &name) != nil {
			return nil, refuse(m.ID, "notRequest", "a method call is not [name, arguments, id]")
		}
		if name != "Core/echo" {
			call = []json.RawMessage{
				json.RawMessage(`"error"`), json.RawMessage(`{"type":"unknownMethod"}`), call[2],
			}
		}
		done = append(done, call)
	}
	return &response{typeResponse, m.ID, done, sessionState}, nil
}
