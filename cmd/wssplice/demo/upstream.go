package demo

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// stopGrace is how long Close leaves clients to answer the Close frame.
const stopGrace = time.Second

// maxMessage is the largest request taken, in bytes; the session object says so.
const maxMessage = 1 << 20

// Upstream is a mail-server stand-in, as strict about an upgrade as the servers
// that RFC 8887 clients meet: the token counts only as a Bearer header, and
// Connection must be exactly "Upgrade". It serves the demo's page too, so
// that the page takes the plain path through the proxy.
type Upstream struct {
	// PushInterval is the time between two StateChanges of one client. If zero,
	// 1s. It must be set before the first request.
	PushInterval time.Duration

	token string
	mux   *http.ServeMux
	state atomic.Uint64 // the account's state, rising with every push

	stopping, life context.Context // end: say goodbye; cut what is left
	stop, cut      context.CancelFunc

	mu      sync.Mutex // guards closed, and sockets' Add against its Wait
	closed  bool
	sockets sync.WaitGroup
}

// NewUpstream returns a stand-in that accepts token and no other.
func NewUpstream(token string) *Upstream {
	u := &Upstream{token: token, mux: http.NewServeMux()}
	u.stopping, u.stop = context.WithCancel(context.Background())
	u.life, u.cut = context.WithCancel(context.Background())

	u.mux.HandleFunc("GET /{$}", servePage)
	u.mux.HandleFunc("GET /demo.json", u.serveToken)
	u.mux.Handle("GET /.well-known/jmap", http.RedirectHandler("/jmap/session", http.StatusTemporaryRedirect))
	u.mux.HandleFunc("GET /jmap/session", u.bearer(u.serveSession))
	u.mux.HandleFunc("POST /jmap/api", u.bearer(u.serveAPI))
	u.mux.HandleFunc("GET /jmap/ws", u.bearer(u.serveSocket))
	return u
}

// ServeHTTP answers the page, the session object, API calls and upgrades.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	u.mux.ServeHTTP(w, r)
}

// Close ends every WebSocket with 1001 (going away), cuts those that have not
// said goodbye after a second, and returns when the last one is gone.
// Upgrades that come later get 503.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()

	u.stop()
	defer time.AfterFunc(stopGrace, u.cut).Stop()
	u.sockets.Wait()
	u.cut()
}

// enter counts a WebSocket that Close is to wait for; false after Close.
func (u *Upstream) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.closed {
		u.sockets.Add(1)
	}
	return !u.closed
}

// bearer lets a request through only with the token in its one Authorization field.
func (u *Upstream) bearer(next http.HandlerFunc) http.HandlerFunc {
	want := []byte("Bearer " + u.token)
	return func(w http.ResponseWriter, r *http.Request) {
		got := r.Header["Authorization"]
		if len(got) != 1 || subtle.ConstantTimeCompare([]byte(got[0]), want) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="wssplice demo"`)
			http.Error(w, "this mail server wants Authorization: Bearer with its token", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// serveToken hands the page the token that a real web client has from its login.
// It opens nothing but this stand-in.
func (u *Upstream) serveToken(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]string{"token": u.token})
}

func (u *Upstream) serveSession(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, newSession(r.Host))
}

func (u *Upstream) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		http.Error(w, "the request is larger than maxSizeRequest, or it broke off", http.StatusBadRequest)
		return
	}
	// Over HTTP a request bears no @type (RFC 8620 §3.3); over WebSocket it must.
	m, problem := parseMessage(body)
	if problem == nil {
		m.Type = typeRequest
		var answer any
		if answer, problem = m.answer(); problem == nil {
			writeJSON(w, answer)
			return
		}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(problem.Status)
	json.NewEncoder(w).Encode(problem)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
