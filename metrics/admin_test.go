package metrics

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// startAdmin serves a on a loopback socket and returns its base URL.
func startAdmin(t *testing.T, a Admin) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := a.Server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return "http://" + ln.Addr().String()
}

func TestAdmin(t *testing.T) {
	var ready atomic.Bool
	base := startAdmin(t, Admin{Gatherer: NewRegistry(sampleCollector()), Ready: ready.Load})

	for _, tc := range []struct {
		method, path string
		ready        bool
		status       int
		body         string // a part of it
	}{
		{"GET", "/", false, 200, "/metrics"},
		{"GET", "/metrics", false, 200, "wssplice_connections_accepted_total 1001\n"},
		{"GET", "/metrics", false, 200, "process_open_fds "},
		{"GET", "/healthz", false, 200, "alive\n"},
		{"GET", "/readyz", false, 503, "not accepting"},
		{"GET", "/readyz", true, 200, "ready\n"},
		{"GET", "/readyz", false, 503, "not accepting"},
		{"HEAD", "/readyz", true, 200, ""},
		{"HEAD", "/metrics", true, 200, ""},
		{"GET", "/metrics/", true, 404, ""},
		{"GET", "/debug/pprof/", true, 404, ""},
		{"POST", "/metrics", true, 405, ""},
		{"PUT", "/readyz", true, 405, ""},
		{"DELETE", "/", true, 405, ""},
		{"OPTIONS", "/healthz", true, 405, ""},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			ready.Store(tc.ready)
			req, err := http.NewRequest(tc.method, base+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tc.status)
			}
			if !strings.Contains(string(body), tc.body) {
				t.Errorf("body lacks %q:\n%s", tc.body, body)
			}
			if tc.method == "HEAD" && len(body) != 0 {
				t.Errorf("HEAD got a body: %q", body)
			}
		})
	}
}

// TestAdminOptionsStar covers the one request that net/http answers before any
// handler unless it is told not to.
func TestAdminOptionsStar(t *testing.T) {
	base := startAdmin(t, Admin{Gatherer: NewRegistry(sampleCollector()), Ready: func() bool { return true }})
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "OPTIONS * HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		t.Errorf("answered %q", answer)
	}
}

// TestAdminQueryStaysOut asks with a canary where a mistaken scrape job might
// put one, and looks for it in answers and log.
func TestAdminQueryStaysOut(t *testing.T) {
	const canary = "canary0token"
	var log bytes.Buffer
	base := startAdmin(t, Admin{
		Gatherer: NewRegistry(sampleCollector()),
		Ready:    func() bool { return true },
		Logger:   slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/none"} {
		resp, err := http.Get(base + path + "?access_token=" + canary)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte(canary)) {
			t.Errorf("%s shows the canary", path)
		}
	}
	if bytes.Contains(log.Bytes(), []byte(canary)) {
		t.Errorf("the log shows the canary: %s", log.Bytes())
	}
}
