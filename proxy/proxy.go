// Package proxy is the journey of a connection: accept, head, route, credential,
// dial, ask, answer, tunnel, close; or, for a plain request, exchange and back to
// head. The files bear the names of the steps.
//
//	p, err := proxy.New(proxy.Config{Upstream: "http://mail-server:8080"})
//	go p.Serve()
//	...
//	p.Drain(ctx)
//
// On Linux a handshake runs on an event loop of package splice, from accept to
// tunnel, without a goroutine; only plain requests get a goroutine each. On other
// systems (and with the build tag portable) every connection has a goroutine.
package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/wssplice/wssplice/splice"
)

// Proxy accepts on its listeners until drained or closed.
type Proxy struct {
	set    settings
	log    *slog.Logger
	warner warner
	count  counters
	seats  seats
	front  front // listeners, and on Linux the loops

	serving  atomic.Bool
	draining atomic.Bool
	empty    chan struct{} // gets a value when a connection leaves and none is left

	mu        sync.Mutex
	exchanges map[*exchange]struct{}
	running   sync.WaitGroup // exchanges
}

// New checks cfg and binds its listeners; nothing is accepted before Serve.
// An error says which setting is wrong and what it may be.
func New(cfg Config) (*Proxy, error) {
	set, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	if err := set.CheckSources(); err != nil {
		return nil, err
	}
	p := &Proxy{
		set: set, log: set.Logger, empty: make(chan struct{}, 1),
		warner:    warner{log: set.Logger, by: map[string]*warning{}},
		exchanges: map[*exchange]struct{}{},
	}
	p.seats = seats{most: int64(set.MaxConnections), mostEach: set.MaxConnectionsPerAddress}
	if p.seats.mostEach > 0 {
		p.seats.each = map[netip.Addr]int{}
	}
	if err := p.open(); err != nil {
		return nil, err
	}
	set.up.refresh() // so that the first dial need not wait
	return p, nil
}

func (p *Proxy) noteEmpty() {
	select {
	case p.empty <- struct{}{}:
	default:
	}
}

// Addrs are the addresses that the listeners are bound to, in Config.Listen's order.
func (p *Proxy) Addrs() []net.Addr { return p.front.addrs }

// Loops is the number of event loops; 0 where there are none.
func (p *Proxy) Loops() int { return p.front.loopCount() }

// Ready says whether new connections are accepted: after Serve has begun, until Drain or Close.
func (p *Proxy) Ready() bool { return p.serving.Load() && !p.draining.Load() }

// Drain stops accepting, lets plain requests and handshakes finish, and waits
// until the tunnels have ended or ctx is done; then it closes what is left and
// returns the number of connections that it had to close.
func (p *Proxy) Drain(ctx context.Context) (closed int) {
	p.draining.Store(true)
	p.stopAccepting()
	p.mu.Lock()
	for x := range p.exchanges {
		if x.idle.Load() {
			x.client.SetReadDeadline(past)
		}
	}
	p.mu.Unlock()
	for p.seats.present.Load() > 0 {
		select {
		case <-p.empty:
			continue
		case <-ctx.Done():
		}
		break
	}
	closed = int(p.seats.present.Load())
	p.Close()
	return closed
}

// Close ends every connection at once. Serve returns soon after.
func (p *Proxy) Close() {
	p.draining.Store(true)
	p.closeFront()
	p.mu.Lock()
	for x := range p.exchanges {
		x.halt()
	}
	p.mu.Unlock()
}

// start runs an exchange on a goroutine of its own.
func (p *Proxy) start(x *exchange, serve func()) {
	p.mu.Lock()
	p.exchanges[x] = struct{}{}
	p.running.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.running.Done()
		serve()
		p.mu.Lock()
		delete(p.exchanges, x)
		p.mu.Unlock()
	}()
}

// Stats is a snapshot for a scrape; it may be called at any time.
func (p *Proxy) Stats() Stats {
	s := p.count.snapshot()
	for i := range p.front.loopCount() {
		l := p.front.loopStats(i)
		s.Loops = append(s.Loops, l)
		s.ClientReceivedBytes += l.UpBytes
		s.UpstreamSentBytes += l.UpBytes
		s.UpstreamReceivedBytes += l.DownBytes
		s.ClientSentBytes += l.DownBytes
	}
	s.PipesInUse, s.PipesIdle = p.front.pipeCounts()
	return s
}

// tunnelEnded reports a tunnel's end.
func (p *Proxy) tunnelEnded(e splice.End) {
	by := ByProxy
	switch e.By {
	case splice.Client:
		by = ByClient
	case splice.Upstream:
		by = ByUpstream
	}
	p.ended(&ending{peer: e.Peer, step: StepTunnel, by: by, why: firstTunnelEnd + reason(e.Reason), opened: e.Opened, up: e.Up, down: e.Down})
}
