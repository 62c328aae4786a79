package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wssplice/wssplice/cmd/wssplice/demo"
	"github.com/wssplice/wssplice/proxy"
)

// upstream is the demo's stand-in, and what it was told about the client's address.
type upstream struct {
	*httptest.Server
	mu       sync.Mutex
	upgrades []http.Header
}

func startUpstream(t *testing.T) *upstream {
	u := &upstream{}
	mail := demo.NewUpstream(token)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			return // HAProxy's check, of what stands for the admin server
		}
		if r.Header.Get("Upgrade") != "" {
			u.mu.Lock()
			u.upgrades = append(u.upgrades, r.Header)
			u.mu.Unlock()
		}
		mail.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		mail.Close()
		u.Server.Close()
	})
	return u
}

// claimed is what reached the mail server of the addresses that the client made up,
// or a word on what is missing.
func (u *upstream) claimed() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.upgrades) != 1 {
		return "no one: there was no upgrade"
	}
	h := u.upgrades[0]
	all := strings.Join(append(h.Values("X-Forwarded-For"), h.Values("Forwarded")...), ", ")
	if strings.Contains(all, "192.0.2.") || h.Get("X-Forwarded-For") == "" {
		return all
	}
	return ""
}

func startProxy(t *testing.T, upstream string) (addr string) {
	t.Helper()
	p, err := proxy.New(proxy.Config{
		Listen: []string{"127.0.0.1:0"}, Upstream: upstream, Allow: []string{"/jmap", "/.well-known"},
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve() }()
	t.Cleanup(func() {
		p.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p.Addrs()[0].String()
}

// run starts a program and returns what it has written so far, to its streams and to
// files in dir.
func run(t *testing.T, dir string, cmd *exec.Cmd) (wrote func() string) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, "streams.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wrote = func() string {
		var all strings.Builder
		files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, f := range files {
			b, _ := os.ReadFile(f)
			all.Write(b)
		}
		return all.String()
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		out.Close()
		if t.Failed() {
			t.Logf("it wrote:\n%s", wrote())
		}
	})
	return wrote
}

func dialTLS(addr string) (*tls.Conn, error) {
	return tls.Dial("tcp", addr, &tls.Config{
		ServerName: host, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"},
	})
}

// tlsConn connects as soon as somebody listens.
func tlsConn(t *testing.T, addr string) (conn *tls.Conn) {
	t.Helper()
	eventually(t, "the terminator to listen", func() bool {
		var err error
		conn, err = dialTLS(addr)
		return err == nil
	})
	return conn
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// freeAddr is an address for a program that cannot choose one itself. Its port lies
// below those that the kernel gives out: until the program listens there, another
// listener may come to have one of these, and who dials such a port, to see whether
// anybody listens, can get it as his own and be connected to himself.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+mathrand.IntN(20_000)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	k := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	for name, b := range map[string][]byte{"cert.pem": c, "key.pem": k, "both.pem": append(c, k...)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// missing skips a test where a program is not installed. .ci/run installs them all.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}
