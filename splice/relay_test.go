package splice

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// relayed is a Relay between two connections and their far ends, by side.
type relayed struct {
	*testing.T
	near, far [2]*net.TCPConn
	done      chan End
}

func relayPair(t *testing.T, opt RelayOptions) *relayed {
	t.Helper()
	r := &relayed{T: t, done: make(chan End, 1)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for side := range 2 {
		far, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		near, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		r.near[side], r.far[side] = near.(*net.TCPConn), far.(*net.TCPConn)
		far.SetDeadline(time.Now().Add(limit))
		t.Cleanup(func() { near.Close(); far.Close() })
	}
	var running sync.WaitGroup
	running.Go(func() { r.done <- Relay(r.near[0], r.near[1], opt) })
	t.Cleanup(func() {
		for side := range 2 {
			r.near[side].Close()
		}
		running.Wait()
	})
	return r
}

func (r *relayed) expectEnd(why Reason, by Side) End {
	r.Helper()
	select {
	case e := <-r.done:
		if e.Reason != why || e.By != by {
			r.Fatalf("the relay ended as %s by %d, wanted %s by %d", e.Reason, e.By, why, by)
		}
		return e
	case <-time.After(limit):
		r.Fatal("the relay does not end")
		return End{}
	}
}

// expect reads all that comes to side until its end, which must be err.
func (r *relayed) expect(side Side, want []byte, end error) {
	r.Helper()
	got, err := io.ReadAll(onlyReader{r.far[side]})
	if !bytes.Equal(got, want) {
		r.Fatalf("side %d got %d bytes, or other ones than the %d that were sent", side, len(got), len(want))
	}
	if !errors.Is(err, end) {
		r.Fatalf("side %d reads %v at the end, wanted %v", side, err, end)
	}
}

// onlyReader hides ReadFrom and WriteTo, with which the standard library would
// borrow pipes of its own.
type onlyReader struct{ io.Reader }

func TestRelayCarriesBytesBothWays(t *testing.T) {
	r := relayPair(t, RelayOptions{})
	const n = 3<<20 + 1
	for side := range Side(2) {
		go func() {
			r.far[side].Write(stream(side).bytes(0, n))
			r.far[side].CloseWrite()
		}()
	}
	for side := range Side(2) {
		r.expect(1-side, stream(side).bytes(0, n), nil)
	}
	select {
	case e := <-r.done:
		if e.Reason != Closed || e.Up != n || e.Down != n || e.By == ByLoop {
			t.Errorf("the relay ended as %+v", e)
		}
	case <-time.After(limit):
		t.Fatal("the relay does not end")
	}
}

func TestRelayHalfClose(t *testing.T) {
	for first := range Side(2) {
		r := relayPair(t, RelayOptions{})
		r.far[first].Write([]byte("bye"))
		r.far[first].CloseWrite()
		r.expect(1-first, []byte("bye"), nil)
		go func() {
			r.far[1-first].Write(stream(0).bytes(0, 1<<20))
			r.far[1-first].CloseWrite()
		}()
		r.expect(first, stream(0).bytes(0, 1<<20), nil)
		r.expectEnd(Closed, first)
	}
}

// The reset comes after every byte that was acknowledged before it, also to a reader
// that begins late.
func TestRelayReset(t *testing.T) {
	for from := range Side(2) {
		for _, n := range []int{0, 10, 300_000} {
			r := relayPair(t, RelayOptions{})
			r.far[from].Write(stream(0).bytes(0, n))
			// Once the relay has read all there is nothing left to lose on this side.
			waitTaken(t, r.far[from])
			r.far[from].SetLinger(0)
			r.far[from].Close()
			r.expect(1-from, stream(0).bytes(0, n), syscall.ECONNRESET)
			if e := r.expectEnd(WasReset, from); e.Up+e.Down != uint64(n) {
				t.Errorf("%d bytes were counted, wanted %d", e.Up+e.Down, n)
			}
		}
	}
}

func waitTaken(t *testing.T, c net.Conn) {
	t.Helper()
	if !eventually(func() bool { return unsent(c) == 0 }) {
		t.Fatal("the bytes are not taken")
	}
}

// A write is told of the reset first; the end that a read sees then is none.
func TestRelayWriteFindsTheReset(t *testing.T) {
	for from := range Side(2) {
		r := relayPair(t, RelayOptions{})
		r.far[from].Close()
		if n, err := r.far[1-from].Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("read %d bytes and %v, wanted the end", n, err)
		}
		for { // the first write is answered with a reset, and a later one fails
			if _, err := r.far[1-from].Write([]byte("anybody there?")); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		r.expectEnd(WasReset, from)
	}
}

func TestRelayIdle(t *testing.T) {
	r := relayPair(t, RelayOptions{IdleTimeout: 50 * time.Millisecond})
	r.expect(Client, nil, nil)
	r.expect(Upstream, nil, nil)
	r.expectEnd(Idle, ByLoop)
}

// Both directions stall in a write: that is idle as well.
func TestRelayIdleWhileStalled(t *testing.T) {
	r := relayPair(t, RelayOptions{IdleTimeout: 50 * time.Millisecond})
	var writers sync.WaitGroup
	for side := range 2 {
		writers.Go(func() {
			if n, err := r.far[side].Write(make([]byte, 64<<20)); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("a write to a reader that does not read ends with %v after %d bytes, wanted a reset", err, n)
			}
		})
	}
	r.expectEnd(Idle, ByLoop)
	writers.Wait()
}

// stall writes until nothing more is taken, or the other side is gone.
func stall(t *testing.T, c net.Conn) {
	t.Helper()
	p := make([]byte, 64<<10)
	for total := 0; total < 64<<20; {
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := c.Write(p)
		if total += n; err != nil && total > 1<<20 {
			return
		}
	}
	t.Fatal("a reader that does not read took 64 MiB")
}

// What an idle tunnel throws away must not look complete.
func TestRelayIdleWithBytesInHand(t *testing.T) {
	for from := range Side(2) {
		r := relayPair(t, RelayOptions{IdleTimeout: time.Second})
		stall(t, r.far[from])
		r.expectEnd(Idle, ByLoop)
		if n, err := io.Copy(io.Discard, onlyReader{r.far[1-from]}); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the reader sees %v after %d bytes, wanted a reset", err, n)
		}
	}
}

// A write to a side is told of its reset while bytes of that side wait for a slow
// reader: they arrive, and then a reset, although a read sees an orderly end by now.
func TestRelayResetToldToAWrite(t *testing.T) {
	for from := range Side(2) {
		r := relayPair(t, RelayOptions{})
		stall(t, r.far[from])
		r.far[from].SetLinger(0)
		r.far[from].Close()
		r.far[1-from].Write([]byte("anybody there?"))
		if n, err := io.Copy(io.Discard, onlyReader{r.far[1-from]}); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the reader sees %v after %d bytes, wanted a reset", err, n)
		}
		r.expectEnd(WasReset, from)
	}
}

func TestRelayHalfClosedTimeout(t *testing.T) {
	for from := range Side(2) {
		r := relayPair(t, RelayOptions{IdleTimeout: time.Hour, HalfCloseTimeout: 50 * time.Millisecond})
		r.far[from].CloseWrite()
		r.expect(1-from, nil, nil)
		r.expect(from, nil, nil)
		r.expectEnd(HalfClosed, ByLoop)
	}
}

// The timer was set when the tunnel began: bytes that moved since put the end off.
func TestRelayBytesKeepATunnel(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	r := &relay{conns: [2]net.Conn{a, b}, opt: RelayOptions{IdleTimeout: time.Hour}, last: time.Now()}
	r.timer = time.AfterFunc(time.Hour, func() {})
	defer r.timer.Stop()
	if r.check(); r.known {
		t.Errorf("a busy tunnel was ended as %s", r.why)
	}
	r.last = time.Now().Add(-2 * time.Hour)
	if r.check(); !r.known || r.why != Idle {
		t.Error("an idle tunnel was not ended")
	}
}

func TestRelayStopped(t *testing.T) {
	for side := range 2 {
		r := relayPair(t, RelayOptions{})
		r.near[side].Close()
		r.expectEnd(Stopped, ByLoop)
		r.expect(Client, nil, nil)
		r.expect(Upstream, nil, nil)
	}
}

// net.Pipe has neither half-close nor linger: its tunnels end all the same.
func TestRelayPlainConns(t *testing.T) {
	client, a := net.Pipe()
	upstream, b := net.Pipe()
	done := make(chan End, 1)
	go func() { done <- Relay(a, b, RelayOptions{HalfCloseTimeout: 50 * time.Millisecond}) }()
	go client.Write([]byte("hello"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(upstream, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	client.Close()
	select {
	case e := <-done:
		if e.Up != 5 {
			t.Errorf("the relay ended as %+v", e)
		}
	case <-time.After(limit):
		t.Fatal("the relay does not end")
	}
	upstream.Close()
}
