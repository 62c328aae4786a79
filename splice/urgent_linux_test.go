package splice

import (
	"bytes"
	"io"
	"testing"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// An urgent byte (MSG_OOB) stops read(2) and splice(2) short of it, and splice for
// good. It must stall nothing and take no other byte with it. Whether it is part of
// the stream is up to SO_OOBINLINE, so these tests run with and without.
func onUrgentSockets(t *testing.T, f func(t *testing.T, tie func(*rig) *tied)) {
	for _, network := range []string{"tcp4", "unix"} {
		for _, inline := range []int{0, 1} {
			t.Run(network+[]string{"/apart", "/inline"}[inline], func(t *testing.T) {
				f(t, func(r *rig) *tied {
					return r.tie(network, Handover{}, func(x *tied) {
						for _, fd := range x.near {
							rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, inline)
						}
					})
				})
			})
		}
	}
}

// urgent sends one urgent byte from side.
func (x *tied) urgent(side Side) {
	x.Helper()
	control(x, x.far[side], func(fd int) {
		var err error
		eventually(func() bool {
			err = unix.Sendto(fd, []byte{urgentByte}, unix.MSG_OOB|unix.MSG_NOSIGNAL, nil)
			return err != unix.EAGAIN
		})
		if err == unix.EOPNOTSUPP {
			x.Skip("this kernel has no urgent bytes on unix sockets")
		} else if err != nil {
			x.Fatal("send an urgent byte:", err)
		}
	})
}

// readPlain reads until the end, or until n bytes that are not urgent are there.
func (x *tied) readPlain(side Side, n int) (plain []byte, urgent int) {
	x.Helper()
	buf := make([]byte, 64<<10)
	for n < 0 || len(plain) < n {
		k, err := x.far[side].Read(buf)
		for _, b := range buf[:k] {
			if b == urgentByte {
				urgent++
			} else {
				plain = append(plain, b)
			}
		}
		if err == io.EOF && n < 0 {
			break
		}
		if err != nil {
			x.Fatalf("read at side %d after %d bytes: %v", side, len(plain), err)
		}
	}
	return plain, urgent
}

func TestUrgentByteAloneStallsNothing(t *testing.T) {
	onUrgentSockets(t, func(t *testing.T, tie func(*rig) *tied) {
		r := newRig(t, Options{})
		x := tie(r)
		x.urgent(Client)
		for i := range 20 {
			x.write(Client, stream(0).bytes(i*10, 10))
			if got, _ := x.readPlain(Upstream, 10); !bytes.Equal(got, stream(0).bytes(i*10, 10)) {
				t.Fatalf("message %d arrived as %x", i, got)
			}
			if i%3 == 0 {
				x.urgent(Client)
			}
		}
		x.fin(Client)
		if got, _ := x.readPlain(Upstream, -1); len(got) != 0 {
			t.Errorf("%d bytes too many", len(got))
		}
	})
}

// Bytes, an urgent byte and bytes come in one event, and nothing comes after them.
func TestBytesBehindAnUrgentByte(t *testing.T) {
	onUrgentSockets(t, func(t *testing.T, tie func(*rig) *tied) {
		for _, before := range []int{0, 10, 100_000} {
			r := newRig(t, Options{})
			x := tie(r)
			goOn := r.hold()
			sent := fill(x, Client, before)
			x.urgent(Client)
			x.write(Client, stream(1).bytes(sent, 10))
			goOn()
			if got, _ := x.readPlain(Upstream, sent+10); !bytes.Equal(got, stream(1).bytes(0, sent+10)) {
				t.Errorf("other bytes arrived than were sent")
			}
		}
	})
}

// All of it comes to the loop at once: bytes, urgent byte, bytes, urgent byte, FIN.
func TestUrgentBytesAmongSmall(t *testing.T) {
	onUrgentSockets(t, func(t *testing.T, tie func(*rig) *tied) {
		r := newRig(t, Options{})
		x := tie(r)
		goOn := r.hold()
		sent := 0
		for i := range 50 {
			x.write(Client, stream(0).bytes(sent, i+1))
			sent += i + 1
			x.urgent(Client)
		}
		x.fin(Client)
		goOn()
		got, urgent := x.readPlain(Upstream, -1)
		if !bytes.Equal(got, stream(0).bytes(0, sent)) {
			t.Errorf("%d bytes arrived of %d, or other ones", len(got), sent)
		}
		if urgent > 50 {
			t.Errorf("%d urgent bytes arrived of 50", urgent)
		}
	})
}

// The urgent byte lies so deep in bulk that splice(2) comes to it.
func TestUrgentByteInBulk(t *testing.T) {
	onUrgentSockets(t, func(t *testing.T, tie func(*rig) *tied) {
		for _, behind := range []int{0, 1, 300_000} {
			r := newRig(t, Options{})
			x := tie(r)
			goOn := r.hold()
			const before = 400_000
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				x.far[Client].Write(stream(0).bytes(0, before))
				x.urgent(Client)
				x.far[Client].Write(stream(0).bytes(before, behind))
				x.fin(Client)
			}()
			goOn()
			got, _ := x.readPlain(Upstream, -1)
			<-sent
			if !bytes.Equal(got, stream(0).bytes(0, before+behind)) {
				t.Errorf("%d bytes arrived of %d, or other ones", len(got), before+behind)
			}
			x.write(Upstream, []byte("and back"))
			if got, _ := x.readPlain(Client, 8); string(got) != "and back" {
				t.Errorf("the other direction brings %q", got)
			}
		}
	})
}

// The bytes before a reset arrive, also those behind an urgent byte at which splice(2)
// is told of the reset.
func TestUrgentByteBeforeReset(t *testing.T) {
	for _, before := range []int{1, bufferSize, 4 * bufferSize} {
		for _, behind := range []int{0, 1000} {
			r := newRig(t, Options{})
			x := r.tie("tcp4", Handover{}, func(x *tied) {
				rawsock.SetInt(x.near[Client], unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
			})
			goOn := r.hold()
			x.write(Client, stream(0).bytes(0, before))
			x.urgent(Client)
			x.write(Client, stream(0).bytes(before, behind))
			x.taken(Client)
			x.reset(Client)
			goOn()
			if got, _ := x.readPlain(Upstream, before+behind); !bytes.Equal(got, stream(0).bytes(0, before+behind)) {
				t.Error("other bytes arrived than were sent")
			}
			x.expectReset(Upstream)
			x.expectEnd(WasReset, Client)
		}
	}
}

// Urgent bytes that come while the reader does not read.
func TestUrgentBytesWhileStalled(t *testing.T) {
	onUrgentSockets(t, func(t *testing.T, tie func(*rig) *tied) {
		r := newRig(t, Options{})
		x := tie(r)
		sent := fill(x, Client, 64<<20)
		done := make(chan []byte)
		go func() {
			got, _ := x.readPlain(Upstream, -1)
			done <- got
		}()
		for i := range 10 {
			x.urgent(Client)
			x.write(Client, stream(1).bytes(sent+i*1000, 1000))
		}
		x.fin(Client)
		if got := <-done; !bytes.Equal(got, stream(1).bytes(0, sent+10_000)) {
			t.Errorf("%d bytes arrived of %d, or other ones", len(got), sent+10_000)
		}
	})
}
