package demo

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// writeTimeout ends a client that no longer reads.
const writeTimeout = 10 * time.Second

// pushTypes are the data types that change with every push.
var pushTypes = []string{"Email", "Mailbox"}

// socket is one client's WebSocket. Its pushes have a goroutine of their own
// while they are on; all else happens on the handler's.
type socket struct {
	u       *Upstream
	c       *websocket.Conn
	stopped func() // ends the pushes and waits for the last; nil while they are off
}

// serveSocket takes an upgrade whose Connection field is one line of exactly
// "Upgrade": what a server accepts that compares bytes and not options
// (RFC 9110 §7.6.1). The rest of RFC 6455 is the library's.
func (u *Upstream) serveSocket(w http.ResponseWriter, r *http.Request) {
	if v := r.Header["Connection"]; len(v) != 1 || v[0] != "Upgrade" {
		http.Error(w, `this mail server wants Connection to be exactly "Upgrade"`, http.StatusBadRequest)
		return
	}
	if !u.enter() {
		http.Error(w, "this mail server is stopping", http.StatusServiceUnavailable)
		return
	}
	defer u.sockets.Done()

	// A client that offers no subprotocol is taken too, as the README's curl is;
	// RFC 8887 §3 leaves it to the client to go away then.
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"jmap"}})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(maxMessage)

	bye := make(chan struct{})
	forget := context.AfterFunc(u.stopping, func() {
		defer close(bye)
		c.Close(websocket.StatusGoingAway, "stopping")
	})
	defer func() {
		if !forget() {
			<-bye
		}
	}()

	s := socket{u: u, c: c}
	defer s.disable()
	s.serve()
}

// serve answers one message after the other until the client has gone.
func (s *socket) serve() {
	for {
		kind, b, err := s.c.Read(s.u.life)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			// RFC 8887 §4.2 lets a server close on binary data.
			s.c.Close(websocket.StatusUnsupportedData, "JMAP is text")
			return
		}
		m, problem := parseMessage(b)
		switch {
		case problem != nil:
			err = s.send(problem)
		case m.Type == typePushEnable:
			s.enable(m.DataTypes, m.PushState)
		case m.Type == typePushDisable:
			s.disable()
		default:
			var answer any
			if answer, problem = m.answer(); problem != nil {
				answer = problem
			}
			err = s.send(answer)
		}
		if err != nil {
			return
		}
	}
}

func (s *socket) send(v any) error {
	ctx, cancel := context.WithTimeout(s.u.life, writeTimeout)
	defer cancel()
	return wsjson.Write(ctx, s.c, v)
}

// enable starts pushes of those of types that exist here (nil: all), in place
// of the pushes that were on. A client that knows an older state hears of it at
// once (RFC 8887 §4.3.5.2).
func (s *socket) enable(types []string, known string) {
	s.disable()
	var wanted []string
	for _, t := range pushTypes {
		if types == nil || slices.Contains(types, t) {
			wanted = append(wanted, t)
		}
	}
	if wanted == nil {
		return
	}
	ctx, cancel := context.WithCancel(s.u.life)
	done := make(chan struct{})
	s.stopped = func() {
		cancel()
		<-done
	}
	atOnce := known != "" && known != stateName(s.u.state.Load())
	go s.push(ctx, done, wanted, atOnce)
}

// disable returns after the last push went out, so whatever is sent next has
// no push behind it.
func (s *socket) disable() {
	if s.stopped != nil {
		s.stopped()
		s.stopped = nil
	}
}

func (s *socket) push(ctx context.Context, done chan<- struct{}, types []string, atOnce bool) {
	defer close(done)
	every := s.u.PushInterval
	if every == 0 {
		every = time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if !atOnce {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		atOnce = false
		if s.send(newStateChange(types, s.u.state.Add(1))) != nil {
			return // the reader meets the same end
		}
	}
}

func newStateChange(types []string, n uint64) stateChange {
	changed := make(map[string]string, len(types))
	for _, t := range types {
		changed[t] = stateName(n)
	}
	return stateChange{typeStateChange, map[string]map[string]string{accountID: changed}, stateName(n)}
}

func stateName(n uint64) string { return strconv.FormatUint(n, 10) }
