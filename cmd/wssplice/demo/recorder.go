package demo

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// recorder stands before wssplice and passes every byte on, so that the demo
// can show what a client sent without wssplice having to write it down.
type recorder struct {
	ln   net.Listener
	to   string // wssplice's address
	wire *wire

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
	wg    sync.WaitGroup
}

// serve accepts until close, and returns nil when the last connection has ended.
func (r *recorder) serve() error {
	defer r.wg.Wait()
	for {
		c, err := r.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			// Out of descriptors, or a client that went away in the queue: neither is for good.
			time.Sleep(50 * time.Millisecond)
		case r.keep(c):
			r.wg.Go(func() { r.relay(c.(*net.TCPConn)) })
		}
	}
}

// close stops accepting and ends every connection.
func (r *recorder) close() {
	r.ln.Close()
	r.mu.Lock()
	for c := range r.conns {
		c.Close()
	}
	r.conns = nil
	r.mu.Unlock()
}

// keep takes c into the set that close closes; after close it closes c at once.
func (r *recorder) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		c.Close()
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *recorder) drop(c net.Conn) {
	c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *recorder) relay(client *net.TCPConn) {
	defer r.drop(client)
	c, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	if !r.keep(c) {
		return
	}
	defer r.drop(c)
	proxy := c.(*net.TCPConn)

	answer := &answerWatch{wire: r.wire}
	defer answer.end()
	var up sync.WaitGroup
	up.Go(func() { pass(proxy, client, &headWatch{found: answer.expect}) })
	pass(client, proxy, answer)
	up.Wait()
}

// pass shows watch what src sends and then sends it to dst, and ends that
// way as src ended: a FIN as a FIN, a reset as a reset.
func pass(dst, src *net.TCPConn, watch io.Writer) {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			watch.Write(buf[:n])
			if _, err := dst.Write(buf[:n]); err != nil {
				// dst has gone, perhaps with an answer on its way back. Closing src with
				// unread bytes in it would reset it and destroy that answer.
				io.Copy(io.Discard, src)
				return
			}
		}
		if err == io.EOF {
			dst.CloseWrite()
			return
		}
		if err != nil {
			dst.SetLinger(0)
			dst.Close()
			return
		}
	}
}

// answerWatch is an io.Writer that sees what comes back to the client and
// takes the first line after an upgrade was asked for. A client that waits for
// one answer before it sends the next request has no other answer due then.
type answerWatch struct {
	wire *wire
	due  atomic.Pointer[upgrade]
	line []byte
}

// expect is called by the other direction, before the upgrade goes to wssplice.
func (a *answerWatch) expect(head []byte) { a.due.Store(a.wire.asked(head)) }

// Write never fails.
func (a *answerWatch) Write(b []byte) (int, error) {
	if a.due.Load() != nil {
		a.line = append(a.line, b[:min(len(b), maxHead)]...)
		if i := bytes.IndexByte(a.line, '\n'); i >= 0 || len(a.line) >= maxHead {
			if i >= 0 {
				a.line = bytes.TrimSuffix(a.line[:i], []byte("\r"))
			}
			a.end()
		}
	}
	return len(b), nil
}

// end reports the upgrade that is due, if any, with what there is of its answer.
func (a *answerWatch) end() {
	if u := a.due.Swap(nil); u != nil {
		a.wire.answered(u, a.line)
		a.line = nil
	}
}

// watchedListener shows received the heads of the upgrades on its connections.
type watchedListener struct {
	net.Listener
	received func(head []byte)
}

func (l watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: c, watch: headWatch{found: l.received}}, nil
}

type watchedConn struct {
	net.Conn
	watch headWatch
}

// Read has one caller at a time, as net/http and the WebSocket library keep it.
func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.watch.Write(b[:n])
	return n, err
}
