package demo

import (
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	enableAll = `{"@type":"WebSocketPushEnable","dataTypes":null}`
	disable   = `{"@type":"WebSocketPushDisable"}`
	echo      = `{"@type":"Request","id":"R","using":[],"methodCalls":[["Core/echo",{},"c"]]}`
)

// push takes the next message, which must be a push of a later state than after.
func (c client) push(after uint64) uint64 {
	c.Helper()
	m, text := c.hear()
	name, _ := m["pushState"].(string)
	n, err := strconv.ParseUint(name, 10, 64)
	if m["@type"] != typeStateChange || err != nil || n <= after {
		c.Fatalf("got %s, want a push after state %d", text, after)
	}
	return n
}

func TestPushesRise(t *testing.T) {
	_, addr := startUpstream(t)
	c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	c.say(enableAll)
	var n uint64
	for range 5 {
		n = c.push(n)
	}
}

func TestPushNamesWantedTypes(t *testing.T) {
	_, addr := startUpstream(t)
	c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	c.say(`{"@type":"WebSocketPushEnable","dataTypes":["Mailbox","Calendar"]}`)
	if _, got := c.hear(); got != `{"@type":"StateChange","changed":{"demo":{"Mailbox":"1"}},"pushState":"1"}` {
		t.Errorf("got %s", got)
	}
}

// A second client's pushes are the clock: while they come, none may come to
// the first, whose echoes show that it is still heard.
func TestDisableEndsPushes(t *testing.T) {
	_, addr := startUpstream(t)
	clock := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	for _, how := range []string{disable, `{"@type":"WebSocketPushEnable","dataTypes":[]}`} {
		c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
		c.say(enableAll)
		c.push(0)
		c.say(how)
		c.say(echo)
		for { // pushes that were on their way
			if m, _ := c.hear(); m["@type"] == typeResponse {
				break
			}
		}
		clock.say(enableAll)
		var n uint64
		for range 5 {
			n = clock.push(n)
		}
		c.say(echo)
		if m, text := c.hear(); m["@type"] != typeResponse {
			t.Errorf("after %s came %s", how, text)
		}
	}
}

func TestMissedChangesArePushedAtOnce(t *testing.T) {
	u, addr := startUpstream(t)
	u.PushInterval = time.Hour
	u.state.Store(7)
	c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	c.say(`{"@type":"WebSocketPushEnable","dataTypes":null,"pushState":"5"}`)
	c.push(7)
	c.say(`{"@type":"WebSocketPushEnable","dataTypes":null,"pushState":"8"}`)
	c.say(echo)
	if m, text := c.hear(); m["@type"] != typeResponse {
		t.Errorf("a client that knew the newest state got %s", text)
	}
}

func TestCloseSaysGoingAway(t *testing.T) {
	u, addr := startUpstream(t)
	c := dial(t, "ws://"+addr+"/jmap/ws", DefaultToken)
	c.say(enableAll)
	c.push(0)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		u.Close()
	}()
	var err error
	for err == nil {
		_, _, err = c.Read(within(t))
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("ended with %v, want 1001", err)
	}
	<-closed
	if resp := ask(t, addr, upgradeHead("/jmap/ws", exact, bearer)); resp.StatusCode != 503 {
		t.Errorf("an upgrade after Close: %s, want 503", resp.Status)
	}
}

// A curl never answers a Close frame.
func TestCloseCutsClientsThatStaySilent(t *testing.T) {
	u, addr := startUpstream(t)
	if resp := ask(t, addr, upgradeHead("/jmap/ws", exact, bearer)); resp.StatusCode != 101 {
		t.Fatal(resp.Status)
	}
	u.Close() // hangs if it does not
}
