//go:build linux

package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// nginxConf is the TLS terminator of docs and recipes: HTTP/1.1 to a backend
// whose connections are kept and used again.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
	upstream wssplice { server %[2]s; keepalive 1; }
	server {
		listen unix:%[1]s/tls.sock ssl%[3]s;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
		location / {
			proxy_pass http://wssplice;
			proxy_http_version 1.1;
			proxy_set_header Host $host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_read_timeout 1h;
		}
	}
}
`

// startNginx runs nginx as TLS terminator in front of backend and returns a
// function that connects to it.
func startNginx(t *testing.T, backend, protocols string) func(alpn ...string) *tls.Conn {
	t.Helper()
	nginx := tool(t, "nginx")
	dir := t.TempDir()
	writeCertificate(t, dir)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, backend, protocols), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-p", dir, "-e", "stderr", "-c", conf)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("nginx said: %s", said.String())
		}
	})
	sock := filepath.Join(dir, "tls.sock")
	if !eventually(func() bool {
		c, err := net.Dial("unix", sock)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("nginx does not listen")
	}
	return func(alpn ...string) *tls.Conn {
		c, err := net.Dial("unix", sock)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		// The certificate is this test's own; whom it names does not matter.
		tc := tls.Client(newPeer(c), &tls.Config{InsecureSkipVerify: true, NextProtos: alpn})
		if err := tc.Handshake(); err != nil {
			t.Fatalf("TLS with nginx: %v", err)
		}
		return tc
	}
}

func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "mail.example"},
		DNSNames:     []string{"mail.example"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNginxReusesConnection has nginx send a plain request and then, on the same
// connection of its pool, an upgrade: the case that proxies which read only the
// first head get wrong.
func TestNginxReusesConnection(t *testing.T) {
	var mu sync.Mutex
	var heads []string
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		for {
			var head bytes.Buffer
			if err := readHead(c, &head); err != nil {
				return // the connection ends between two requests
			}
			mu.Lock()
			heads = append(heads, head.String())
			mu.Unlock()
			if !strings.Contains(head.String(), "\r\nUpgrade: websocket\r\n") {
				// As Cyrus does; HTTP/2 clients must not get to see it.
				io.WriteString(c, "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 7\r\n\r\nsession")
				continue
			}
			io.WriteString(c, accepted+"pushed")
			io.Copy(struct{ io.Writer }{c}, c)
			return
		}
	})
	p := serve(t, proxy.Config{Upstream: up})
	dial := startNginx(t, p.addr, "")

	for range 2 { // the second round finds whatever the first one left in the pool
		c := dial()
		io.WriteString(c, "GET /jmap/session HTTP/1.1\r\nHost: mail.example\r\n\r\n")
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || string(body) != "session" || resp.Header.Get("Upgrade") != "" {
			t.Errorf("nginx answered %v %v %q", resp.Status, resp.Header, body)
		}
		// The same TLS connection, and nginx's only kept backend connection.
		io.WriteString(c, upgradeHead("/jmap/ws?access_token=Canary7Q%2Bx"))
		if resp, err = http.ReadResponse(r, nil); err != nil || resp.StatusCode != 101 {
			t.Fatalf("the upgrade through nginx: %v, %v", resp, err)
		}
		io.WriteString(c, "ping")
		got := make([]byte, len("pushedping"))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != "pushedping" {
			t.Errorf("the tunnel through nginx: %q, %v", got, err)
		}
		c.Close()
	}
	settle(t, p)
	if s := p.Stats(); s.Accepted != 2 || s.Requests != 2 || s.Upgrades != 2 {
		t.Errorf("want 2 connections with a request and an upgrade each: %d accepted, %d requests, %d upgrades",
			s.Accepted, s.Requests, s.Upgrades)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(heads) != 4 {
		t.Fatalf("the upstream got %q", heads)
	}
	for _, h := range []string{heads[1], heads[3]} {
		if !strings.HasPrefix(h, "GET /jmap/ws HTTP/1.1\r\n") || strings.Count(h, "\r\nAuthorization: Bearer Canary7Q+x\r\n") != 1 ||
			strings.Count(h, "\r\nConnection: Upgrade\r\n") != 1 {
			t.Errorf("the upstream got %q", h)
		}
	}
}

// TestNginxHTTP2 reads through nginx by HTTP/2, where connection-specific fields
// are forbidden (RFC 9113 section 8.2.2): the h2c offer must be gone.
func TestNginxHTTP2(t *testing.T) {
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		r := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 7\r\n\r\nsession")
		}
	})
	p := serve(t, proxy.Config{Upstream: up})
	dial := startNginx(t, p.addr, " http2")
	tr := &http.Transport{
		ForceAttemptHTTP2: true,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			return dial("h2"), nil
		},
	}
	defer tr.CloseIdleConnections()
	for range 3 {
		resp, err := (&http.Client{Transport: tr}).Get("https://mail.example/jmap/session")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 || string(body) != "session" || resp.Header.Get("Upgrade") != "" {
			t.Errorf("got %s %s %v %q", resp.Proto, resp.Status, resp.Header, body)
		}
	}
}
