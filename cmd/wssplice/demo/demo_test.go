package demo

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// run starts a demo; stop ends it as Ctrl-C does and gives what Run returned.
func run(t *testing.T, opt Options) (addrs Addrs, out *printed, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out = new(printed)
	ready := make(chan Addrs, 1)
	ended := make(chan error, 1)
	opt.Ready = func(a Addrs) { ready <- a }
	go func() { ended <- Run(ctx, out, opt) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if !stopped {
			stop()
		}
	})
	select {
	case addrs = <-ready:
	case err := <-ended:
		stopped = true
		cancel()
		t.Fatalf("the demo did not start: %v", err)
	}
	return addrs, out, stop
}

// inQuery is the upgrade's URL as the page makes it.
func inQuery(addr, token string) string {
	return "ws://" + addr + "/jmap/ws?access_token=" + queryEscape(token)
}

func TestRun(t *testing.T) {
	addrs, out, stop := run(t, Options{Listen: "127.0.0.1:0", PushInterval: time.Millisecond})

	resp := ask(t, addrs.Page, "GET / HTTP/1.1\r\nHost: "+addrs.Page+"\r\n\r\n")
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/html; charset=utf-8" {
		t.Errorf("the page: %s, %s", resp.Status, ct)
	}

	c := dial(t, inQuery(addrs.Page, DefaultToken), "")
	c.say(echo)
	if m, text := c.hear(); m["@type"] != typeResponse {
		t.Errorf("the echo brought %s", text)
	}
	c.say(enableAll)
	c.push(c.push(0))
	out.await(t, "as the mail server received it", 1)
	out.await(t, "and the answer: HTTP/1.1 101 Switching Protocols\n", 1)

	_, refused, err := websocket.Dial(within(t), inQuery(addrs.Page, "wrong"), nil)
	if err == nil || refused == nil || refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token: %v, want 401", err)
	}
	out.await(t, "as the mail server received it", 2)
	out.await(t, "and the answer: HTTP/1.1 401 Unauthorized\n", 1)

	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	for err = nil; err == nil; {
		_, _, err = c.Read(within(t))
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the WebSocket ended with %v, want 1001", err)
	}

	before, rest, ok := strings.Cut(out.String(), "curl ")
	_, after, ok2 := strings.Cut(rest, "\n\n")
	if !ok || !ok2 {
		t.Fatalf("no curl command in:\n%s", out)
	}
	for _, secret := range []string{DefaultToken, queryEscape(DefaultToken), "demo", "mail/token", "wrong"} {
		if s := before + after; strings.Contains(s, secret) {
			t.Errorf("%q is in:\n%s", secret, s)
		}
	}
	for _, want := range []string{
		"http://" + addrs.Page + "/\n", addrs.Proxy, addrs.Upstream,
		"  - GET /jmap/ws?access_token=*** HTTP/1.1\n", "  + GET /jmap/ws HTTP/1.1\n",
		"    Connection: Upgrade\n", "  + Authorization: Bearer ***\n",
		"\nstopped\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	for _, addr := range []string{addrs.Page, addrs.Proxy, addrs.Upstream} {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Errorf("%s still accepts", addr)
		}
	}
}

// The printed command is what people paste: its fields make the upgrade here.
func TestPrintedCurlCommandUpgrades(t *testing.T) {
	addrs, out, _ := run(t, Options{Listen: "127.0.0.1:0", Token: "a+b/c=="})
	var head strings.Builder
	target := regexp.MustCompile(`'http://([^/']+)(/[^']+)'`).FindStringSubmatch(out.String())
	if target == nil || target[1] != addrs.Page || !strings.HasSuffix(target[2], "?access_token=a%2Bb%2Fc%3D%3D") {
		t.Fatalf("URL %q in:\n%s", target, out)
	}
	head.WriteString("GET " + target[2] + " HTTP/1.1\r\nHost: " + addrs.Page + "\r\n")
	for _, m := range regexp.MustCompile(`-H '([^']+)'`).FindAllStringSubmatch(out.String(), -1) {
		head.WriteString(m[1] + "\r\n")
	}
	if resp := ask(t, addrs.Page, head.String()+"\r\n"); resp.StatusCode != 101 {
		t.Errorf("%s, want 101", resp.Status)
	}
}

func TestDefaultPortMayBeTaken(t *testing.T) {
	if ln, err := net.Listen("tcp", DefaultListen); err == nil {
		defer ln.Close()
	} // else somebody else has it, which is as good
	addrs, out, stop := run(t, Options{})
	if addrs.Page == DefaultListen || !strings.HasPrefix(out.String(), DefaultListen+" is taken") {
		t.Errorf("on %s, saying:\n%s", addrs.Page, out)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, tt := range []struct {
		name string
		opt  Options
		want string
	}{
		{"token", Options{Token: "a'b"}, "token"},
		{"page's address taken", Options{Listen: ln.Addr().String()}, "listen for the page"},
		{"stand-in's address taken", Options{Listen: "127.0.0.1:0", Upstream: ln.Addr().String()}, "listen for the stand-in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Run(within(t), io.Discard, tt.opt); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want something about %q", err, tt.want)
			}
		})
	}
}

func TestRunEndsBeforeItsFirstClient(t *testing.T) {
	_, _, stop := run(t, Options{Listen: "127.0.0.1:0"})
	if err := stop(); err != nil {
		t.Error(err)
	}
}
