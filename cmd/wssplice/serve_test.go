//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDrain: after SIGTERM /readyz fails and nothing new is accepted, a tunnel
// goes on until it ends by itself, and the exit code is 0.
func TestDrain(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			upstream, _ := startUpstream(t)
			p := serve(t, upstream, "--drain-timeout", "1h")
			tun := upgrade(t, p.addr, "token")
			tun.echo("before")
			if status, _ := get(t, p.admin+"/readyz"); status != 200 {
				t.Errorf("/readyz is %d while serving", status)
			}

			p.signal(sig)
			if line := p.await("draining"); line["connections"] != 1.0 {
				t.Errorf("draining %v connections, want 1", line["connections"])
			}
			eventually(t, "/readyz is 503", func() bool {
				status, _ := get(t, p.admin+"/readyz")
				return status == 503
			})
			if status, _ := get(t, p.admin+"/healthz"); status != 200 {
				t.Errorf("/healthz is %d while draining", status)
			}
			tun.echo("while draining")

			tun.Close()
			if line := p.await("drained"); line["closed"] != 0.0 {
				t.Errorf("%v connections had to be closed, want 0", line["closed"])
			}
			if code := p.end(); code != exitStopped {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestDrainTimeout: what is left at the deadline is closed, and that is still a
// stop as asked.
func TestDrainTimeout(t *testing.T) {
	upstream, _ := startUpstream(t)
	p := serve(t, upstream, "--drain-timeout", "50ms")
	tun := upgrade(t, p.addr, "token")
	p.signal(syscall.SIGTERM)
	tun.gone()
	if line := p.await("drained"); line["closed"] != 1.0 {
		t.Errorf("%v connections had to be closed, want 1", line["closed"])
	}
	if code := p.end(); code != exitStopped {
		t.Errorf("exit code %d", code)
	}
}

// TestSecondSignal ends a drain that would last for an hour.
func TestSecondSignal(t *testing.T) {
	upstream, _ := startUpstream(t)
	p := serve(t, upstream, "--drain-timeout", "1h")
	tun := upgrade(t, p.addr, "token")
	p.signal(syscall.SIGTERM)
	p.await("draining")
	p.signal(syscall.SIGTERM)
	tun.gone()
	if line := p.await("stopped"); !strings.Contains(line["err"].(string), "1 connections left") {
		t.Errorf("stopped with %v", line["err"])
	}
	if code := p.end(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

// TestHangup: SIGHUP changes nothing, and says so, before a drain and in it.
func TestHangup(t *testing.T) {
	const does = "SIGHUP does nothing: start anew to change the configuration"
	upstream, _ := startUpstream(t)
	p := serve(t, upstream, "--drain-timeout", "1h")
	p.signal(syscall.SIGHUP)
	p.await(does)
	tun := upgrade(t, p.addr, "token")
	tun.echo("after a hangup")
	p.signal(syscall.SIGTERM)
	p.await("draining")
	p.signal(syscall.SIGHUP)
	p.await(does)
	tun.echo("after another")
	tun.Close()
	if code := p.end(); code != exitStopped {
		t.Errorf("exit code %d", code)
	}
}

// TestStuckLog: when nobody reads standard error, or it is closed, tunnels open
// and carry on, what is lost is counted, and the program ends as asked.
func TestStuckLog(t *testing.T) {
	for _, how := range []string{"unread", "closed"} {
		t.Run(how, func(t *testing.T) {
			upstream, _ := startUpstream(t)
			p := serve(t, upstream, "--drain-timeout", "50ms", "--log-level", "debug")
			tun := upgrade(t, p.addr, "token")
			if how == "closed" {
				p.stderr.Close()
			} else {
				p.mu.Lock() // the reader waits for it
				defer p.mu.Unlock()
			}
			eventually(t, "log lines are dropped", func() bool {
				for range 200 { // a line each
					knock(t, p.addr)
				}
				_, body := get(t, p.admin+"/metrics")
				return !strings.Contains(body, "\nwssplice_log_lines_dropped_total 0\n")
			})
			tun.echo("still here")
			upgrade(t, p.addr, "token").echo("and new ones open")
			tun.Close()
			p.signal(syscall.SIGTERM)
			if code := exitCode(t, p.cmd.Wait()); code != exitStopped {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// knock makes a connection that is refused for its first bytes, and sees it end.
func knock(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "?\r\n\r\n")
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Fatal(err)
	}
}

// TestCanary: after a full life of the program the token is in nothing that it
// wrote or served, while the upstream did get it.
func TestCanary(t *testing.T) {
	const token = "canary+Token/0123=="
	upstream, got := startUpstream(t)
	p := serve(t, upstream, "--log-level", "debug")
	tun := upgrade(t, p.addr, url.QueryEscape(token))
	if bearer := <-got; bearer != "Bearer "+token {
		t.Errorf("the upstream got %q", bearer)
	}
	tun.echo("words")
	var served strings.Builder
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz"} {
		_, body := get(t, p.admin+path)
		served.WriteString(body)
	}
	if !strings.Contains(served.String(), "wssplice_connections_accepted_total 1\n") {
		t.Error("/metrics does not count the connection")
	}
	tun.Close()
	if status, _ := get(t, "http://"+p.addr+"/jmap/session?access_token="+url.QueryEscape(token)); status != 200 {
		t.Errorf("a plain request got %d", status)
	}
	p.signal(syscall.SIGTERM)
	if code := p.end(); code != exitStopped {
		t.Errorf("exit code %d", code)
	}
	for _, form := range []string{token, url.QueryEscape(token), "canary", "access_token="} {
		if strings.Contains(p.printed()+p.out.String()+served.String(), form) {
			t.Errorf("%q is in what the program wrote or served", form)
		}
	}
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for start := time.Now(); !yes(); {
		if time.Since(start) > patience {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// TestReady asks a server of its own, in each state that it can be found in.
func TestReady(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer s.Close()
	addr := s.Listener.Addr().String()
	ready := func(args ...string) (int, string) {
		var out bytes.Buffer
		h := &host{stdout: &out, stderr: &out, env: environ{"WSSPLICE_ADMIN=" + addr}}
		return h.run(append([]string{"ready"}, args...)), out.String()
	}
	if code, out := ready(); code != exitStopped || out != "ready\n" {
		t.Errorf("ready: %d %q", code, out)
	}
	_, port, _ := net.SplitHostPort(addr)
	if code, out := ready("--admin", "0.0.0.0:"+port); code != exitStopped {
		t.Errorf("ready by an unspecified address: %d %q", code, out)
	}
	status = http.StatusServiceUnavailable
	if code, out := ready(); code != exitFailed || !strings.Contains(out, "503") {
		t.Errorf("draining: %d %q", code, out)
	}
	s.Close()
	if code, _ := ready(); code != exitFailed {
		t.Errorf("not there: %d", code)
	}
	if code, _ := ready("--admin", ""); code != exitFailed {
		t.Errorf("no address: %d", code)
	}
}
