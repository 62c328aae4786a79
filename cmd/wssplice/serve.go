package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/metrics"
	"github.com/wssplice/wssplice/proxy"
)

// serve runs the proxy until signals end it, and returns the exit code.
func (h *host) serve(s *settings) int {
	cfg, err := s.config()
	if err != nil {
		return h.fail(exitUsage, err)
	}
	log, queue := h.newLogger(s.LogFormat, s.LogLevel)
	defer queue.Close(flushPatience)
	cfg.Logger = log

	// A reader of standard error that goes away must not take the tunnels along:
	// by default, Go ends a program on EPIPE there.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	for _, v := range h.env.unknown() {
		log.Warn("unknown variable", v.attrs()...)
	}
	if err := s.run(cfg, queue, signals); err != nil {
		log.Error("stopped", "err", err)
		return exitFailed
	}
	log.Info("stopped")
	return exitStopped
}

// run binds, serves and drains. An error says why it could not go on.
func (s *settings) run(cfg proxy.Config, queue *logQueue, signals <-chan os.Signal) error {
	log := cfg.Logger
	p, err := proxy.New(cfg)
	if err != nil {
		return err
	}
	defer p.Close()
	if s.Admin != "" {
		closeAdmin, err := serveAdmin(string(s.Admin), p, queue, log)
		if err != nil {
			return err
		}
		defer closeAdmin()
	}
	for _, addr := range p.Addrs() {
		log.Info("listening", "network", addr.Network(), "address", addr.String())
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve() }()
	b := readBuild()
	log.Info("started", "version", b.version, "commit", b.commit, "loops", len(p.Stats().Loops), "upstream", cfg.Upstream)

	for {
		select {
		case err := <-served:
			return stoppedUnasked(err)
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return s.drain(p, sig, served, signals, log)
			}
			ignoreHangup(log)
		}
	}
}

// drain lets p's connections end, up to the drain time limit or the next signal.
func (s *settings) drain(p *proxy.Proxy, sig os.Signal, served <-chan error, signals <-chan os.Signal, log *slog.Logger) error {
	log.Info("draining", "signal", sig.String(), "connections", open(p), "timeout", s.DrainTimeout.String())
	ctx, cancel := s.drainContext()
	defer cancel()
	drained := make(chan int, 1)
	go func() { drained <- p.Drain(ctx) }()

	for {
		select {
		case closed := <-drained:
			log.Info("drained", "closed", closed)
			if served == nil {
				return nil
			}
			return <-served
		case err := <-served:
			if err != nil {
				return err
			}
			served = nil // all have ended; Drain is about to say so
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				ignoreHangup(log)
				continue
			}
			left := open(p)
			p.Close()
			return fmt.Errorf("drain cut short by %v with %d connections left", sig, left)
		}
	}
}

func (s *settings) drainContext() (context.Context, context.CancelFunc) {
	if s.DrainTimeout == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(s.DrainTimeout))
}

// open is the number of client connections now, whatever their step.
func open(p *proxy.Proxy) (n int64) {
	for _, c := range p.Stats().Connections {
		n += c
	}
	return n
}

func stoppedUnasked(err error) error {
	if err == nil {
		err = errors.New("every event loop ended unasked")
	}
	return err
}

func ignoreHangup(log *slog.Logger) {
	log.Info("SIGHUP does nothing: start anew to change the configuration")
}

// serveAdmin binds the admin address and serves it until the returned function is called.
func serveAdmin(addr string, p *proxy.Proxy, queue *logQueue, log *slog.Logger) (closeAdmin func(), err error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bind --admin (write another address, or leave it empty for none): %w", err)
	}
	b := readBuild()
	server := metrics.Admin{
		Gatherer: metrics.NewRegistry(&metrics.Collector{
			Stats:           p.Stats,
			LogLinesDropped: queue.Dropped,
			Version:         b.version,
			Commit:          b.commit,
		}),
		Ready:  p.Ready,
		Logger: log,
	}.Server()
	go func() {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("admin stopped", "err", err)
		}
	}()
	log.Info("admin", "address", ln.Addr().String())
	return func() { server.Close() }, nil
}

func (v unknownVariable) attrs() []any {
	attrs := []any{"variable", v.name}
	if v.near != "" {
		attrs = append(attrs, "near", v.near)
	}
	return attrs
}
