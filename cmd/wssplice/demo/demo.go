// Package demo runs wssplice in front of a mail-server stand-in, with a page
// that connects as a web client does:
//
//	browser -> recorder -> wssplice -> stand-in
//
// The stand-in serves the page as well, so one origin holds it all. The recorder
// and the stand-in's listener keep the head of each upgrade as it was on
// the wire, and the demo prints both, tokens masked.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

const (
	// DefaultListen is where the page is served.
	DefaultListen = "127.0.0.1:8080"

	// DefaultToken needs decoding: in a query it reads demo%2Bmail%2Ftoken%3D%3D.
	DefaultToken = "demo+mail/token=="

	// drainLimit bounds how long the proxy may take to stop.
	drainLimit = 2 * time.Second
)

// Options are what Run may be told; the zero value is the demo of `wssplice demo`.
type Options struct {
	// Listen is the host:port of the page and of the upgrades. If empty,
	// DefaultListen. If that default is taken, a free port of the same host.
	Listen string

	// Upstream is the host:port that the stand-in listens on. If empty, 127.0.0.1:0.
	Upstream string

	// Token is the one that the stand-in accepts, of the characters that RFC 6750
	// §2.1 allows. If empty, DefaultToken.
	Token string

	// PushInterval is the time between two pushes. If zero, 1s.
	PushInterval time.Duration

	// Logger takes the proxy's log. If nil, nothing is logged.
	Logger *slog.Logger

	// Ready, if set, is called once everything answers.
	Ready func(Addrs)
}

// Addrs says where a running demo is, each as host:port.
type Addrs struct {
	Page     string // for browsers and curl
	Proxy    string // wssplice itself, behind the recorder
	Upstream string // the stand-in
}

var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// Run runs the demo and writes to out what there is to see, until ctx ends;
// then it ends every connection and returns nil.
func Run(ctx context.Context, out io.Writer, opt Options) error {
	token := opt.Token
	if token == "" {
		token = DefaultToken
	}
	if !bearerToken.MatchString(token) {
		return errors.New("the demo's token may hold letters, digits, - . _ ~ + / and end in =")
	}
	w := &wire{mask: newMasker(token), out: out}

	front, err := listenPage(opt.Listen, w)
	if err != nil {
		return err
	}
	defer front.Close()
	back, err := net.Listen("tcp", orElse(opt.Upstream, "127.0.0.1:0"))
	if err != nil {
		return fmt.Errorf("listen for the stand-in: %w", err)
	}
	defer back.Close()
	p, err := proxy.New(proxy.Config{
		Listen:   []string{"127.0.0.1:0"},
		Upstream: "http://" + back.Addr().String(),
		Logger:   opt.Logger,
	})
	if err != nil {
		return fmt.Errorf("start wssplice: %w", err)
	}
	defer p.Close()

	upstream := NewUpstream(token)
	upstream.PushInterval = opt.PushInterval
	server := &http.Server{
		Handler:           upstream,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	rec := &recorder{ln: front, to: p.Addrs()[0].String(), wire: w, conns: map[net.Conn]struct{}{}}

	var parts sync.WaitGroup
	ended := make(chan error, 3) // one a part
	for _, serve := range []func() error{
		func() error { return server.Serve(watchedListener{back, w.received}) },
		p.Serve,
		rec.serve,
	} {
		parts.Go(func() { ended <- serve() })
	}

	addrs := Addrs{front.Addr().String(), rec.to, back.Addr().String()}
	w.say(greeting, addrs.Page, addrs.Page, addrs.Proxy, addrs.Upstream, curlCommand(addrs.Page, token))
	if opt.Ready != nil {
		opt.Ready(addrs)
	}

	var broken error
	select {
	case <-ctx.Done():
	case err := <-ended:
		if err == nil {
			err = errors.New("nobody asked it to")
		}
		broken = fmt.Errorf("a part of the demo stopped: %w", err)
	}
	// From the inside out, so that each client still hears its goodbye.
	front.Close()
	upstream.Close()
	limit, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	p.Drain(limit)
	p.Close()
	rec.close()
	server.Close()
	parts.Wait()
	if broken == nil {
		w.say("\nstopped\n")
	}
	return broken
}

// listenPage opens the page's listener. Only the default may fall back to
// another port: one that was asked for by name is wanted.
func listenPage(addr string, w *wire) (net.Listener, error) {
	addr = orElse(addr, DefaultListen)
	ln, err := net.Listen("tcp", addr)
	if err != nil && addr == DefaultListen {
		host, _, _ := net.SplitHostPort(addr)
		if ln, free := net.Listen("tcp", net.JoinHostPort(host, "0")); free == nil {
			w.say("%s is taken, so this is on a free port.\n\n", addr)
			return ln, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the page: %w", err)
	}
	return ln, nil
}

const greeting = `A page, wssplice, and a mail-server stand-in that takes its token from a header only.

  the page    http://%s/
  the way     %s (records heads) -> %s (wssplice) -> %s (stand-in)

Without a browser:

  %s

Each upgrade's head is shown below, before and after wssplice, tokens masked. Ctrl-C stops.
`

// curlCommand is the README's, with a token that wssplice must decode.
func curlCommand(addr, token string) string {
	return "curl -iN --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\\n" +
		"    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \\\n" +
		"    'http://" + addr + "/jmap/ws?access_token=" + queryEscape(token) + "'"
}

// queryEscape escapes as encodeURIComponent does: a blank is %20, never +,
// which in a token stands for itself.
func queryEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
