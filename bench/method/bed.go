package method

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/proc"
)

// Bed is a client, a proxy and an upstream, all started for one run. It stops
// being good for anything when the run ends.
type Bed struct {
	Peer     peers.Peer
	Client   *load.Agent
	Upstream *load.Agent
	Proxy    *peers.Process // nil without a proxy
	Job      peers.Job      // what the proxy was started with
	Result   *Result
	// Beside holds the other beds of a scenario that wants several.
	Beside []*Bed

	dir string
}

// newBed starts all three. result is where the run's figures go.
func newBed(p peers.Peer, job peers.Job, result *Result) (*Bed, error) {
	addrs, err := freeAddrs(3)
	if err != nil {
		return nil, err
	}
	listen, upstream := addrs[0], addrs[1]
	b := &Bed{Peer: p, Result: result}
	if err := b.enter(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	// nginx's workers run as another user and must get at their files.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return nil, fmt.Errorf("open directory: %w", err)
	}
	if b.Upstream, err = load.Spawn("upstream", upstream); err != nil {
		b.stop()
		return nil, err
	}
	// The first answer says that it listens.
	if _, err = b.Upstream.Mark(); err == nil {
		job.Listen, job.Upstream, job.Admin, job.Dir = listen, upstream, addrs[2], b.dir
		b.Job = job
		b.Proxy, err = p.Start(job)
	}
	if err == nil {
		kind, to := "client", listen
		if p.Direct() {
			kind, to = "direct", upstream
		}
		b.Client, err = load.Spawn(kind, to)
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

// freeAddrs finds loopback addresses that nobody listens on. They lie below the
// ephemeral ports, or an outgoing connection could take one before its use.
func freeAddrs(n int) ([]netip.AddrPort, error) {
	var found []netip.AddrPort
	for port := nextPort; port < 32000 && len(found) < n; port++ {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
		l, err := net.Listen("tcp", a.String())
		if err != nil {
			continue
		}
		_ = l.Close()
		found = append(found, a)
		nextPort = port + 1
	}
	if len(found) < n {
		return nil, fmt.Errorf("no free port between 18000 and 32000")
	}
	if nextPort > 31000 {
		nextPort = firstPort
	}
	return found, nil
}

// Ports are not used again soon: thousands of connections of the run before
// may still be in TIME_WAIT on them.
const firstPort = 18000

var nextPort uint16 = firstPort

func (b *Bed) stop() {
	running.Lock()
	delete(running.beds, b)
	running.Unlock()
	for _, o := range b.Beside {
		o.stop()
	}
	if b.Client != nil {
		b.Client.Stop()
	}
	if b.Proxy != nil {
		b.Proxy.Stop()
	}
	if b.Upstream != nil {
		b.Upstream.Stop()
	}
	_ = os.RemoveAll(b.dir)
}

// running are the beds whose processes are up; over says that no more may start.
var running = struct {
	sync.Mutex
	beds map[*Bed]bool
	over bool
}{beds: map[*Bed]bool{}}

func (b *Bed) enter() error {
	running.Lock()
	defer running.Unlock()
	if running.over {
		return ErrInterrupted
	}
	running.beds[b] = true
	return nil
}

// StopAll ends every process that runs, for a benchmark that is interrupted.
func StopAll() {
	running.Lock()
	running.over = true
	var beds []*Bed
	for b := range running.beds {
		beds = append(beds, b)
	}
	running.Unlock()
	for _, b := range beds {
		b.stop()
	}
}

func stopped() bool {
	running.Lock()
	defer running.Unlock()
	return running.over
}

// abort kills both ends, and every call that waits for them fails.
func (b *Bed) abort() {
	for _, o := range b.All() {
		o.Client.Kill()
		o.Upstream.Kill()
	}
}

// Tree is the proxy's processes; empty without a proxy.
func (b *Bed) Tree() proc.Tree {
	if b.Proxy == nil {
		return nil
	}
	return proc.TreeOf(b.Proxy.PID())
}

// Set records a metric. A quotient of nothing is an error, not a figure.
func (b *Bed) Set(name string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		b.Fault("nothing happened that %s could be made of", name)
		return
	}
	b.Result.Metrics[name] = v
}

// Fault records an error of the run itself.
func (b *Bed) Fault(format string, args ...any) {
	if b.Result.Errors == 0 {
		b.Result.First = fmt.Sprintf(format, args...)
	}
	b.Result.Errors++
}

// All is this bed and those beside it.
func (b *Bed) All() []*Bed { return append([]*Bed{b}, b.Beside...) }

// Open opens n tunnels, some at a time, and waits until they are up at both ends.
func (b *Bed) Open(path string, n, inFlight int) (time.Duration, error) {
	was, err := b.Client.Mark()
	if err != nil {
		return 0, err
	}
	var took int64
	err = b.Client.Call("Open", load.OpenArgs{Path: path, Count: n, InFlight: inFlight, Within: time.Minute}, &took)
	if err != nil {
		return 0, err
	}
	is, err := b.Client.Mark()
	if err != nil {
		return 0, err
	}
	if up := is.Open - was.Open; up != n {
		b.Fault("%d of %d tunnels came up: %s", up, n, is.First)
		return 0, fmt.Errorf("%d of %d tunnels came up: %s", up, n, is.First)
	}
	return time.Duration(took), nil
}

// Await asks both ends until f is content, and says what is missing if it never is.
func (b *Bed) Await(what string, within time.Duration, f func(client, upstream *load.Tally) bool) error {
	deadline := time.Now().Add(within)
	for {
		c, err := b.Client.Mark()
		if err != nil {
			return err
		}
		u, err := b.Upstream.Mark()
		if err != nil {
			return err
		}
		if f(&c, &u) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not after %v (messages %d of %d, replies %d of %d, bytes down %d of %d, up %d of %d, open %d and %d)", what, within,
				c.Messages, u.Messages, u.Replies, c.Replies, c.Down, u.Down, u.Up, c.Up, c.Open, u.Open)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Delivered waits until everything sent has come out at the other end.
func (b *Bed) Delivered() error {
	return b.Await("delivery of all that was sent", 20*time.Second, func(c, u *load.Tally) bool {
		return c.Messages == u.Messages && u.Replies == c.Replies && c.Down == u.Down && u.Up == c.Up
	})
}

// finish closes what is open and sees that the proxy lets go of it too.
func (b *Bed) finish() {
	for _, o := range b.All() {
		if err := o.Client.Call("Close", struct{}{}, nil); err != nil {
			b.Fault("%v", err)
			continue
		}
		// A proxy that has ended its half can no longer have anything to say.
		err := o.Await("end of every tunnel", 20*time.Second, func(c, u *load.Tally) bool { return c.Open == 0 && u.Open == 0 })
		if err != nil {
			b.Fault("%v", err)
		}
		if o.Proxy != nil {
			if err := o.Proxy.Check(); err != nil {
				b.Fault("%v", err)
			}
		}
	}
}

// collect takes the errors of both ends into the result.
func (b *Bed) collect() {
	for _, o := range b.All() {
		for _, end := range []*load.Agent{o.Client, o.Upstream} {
			t, err := end.Mark()
			if err != nil {
				b.Fault("%v", err)
			} else if t.Errors > 0 {
				// What went wrong on a connection explains the rest.
				b.Result.First = t.First
				b.Result.Errors += t.Errors
			}
		}
	}
}
