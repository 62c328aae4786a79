package deploy

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	host  = "mail.example.org"
	token = "canary+in/the=="

	// patience bounds a wait for another program.
	patience = 20 * time.Second
)

// edits turns a configuration for production into one for a test: each old string
// has to be there.
type edits []string

func (e edits) apply(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("terminators", file))
	if err != nil {
		t.Fatal(err)
	}
	s := string(b)
	for i := 0; i < len(e); i += 2 {
		if !strings.Contains(s, e[i]) {
			t.Fatalf("%s does not hold %q", file, e[i])
		}
		s = strings.ReplaceAll(s, e[i], e[i+1])
	}
	return s
}

// place is what a terminator's configuration has to be told for a test.
type place struct {
	dir    string // holds cert.pem, key.pem and both.pem, and takes every file that is written
	listen string
	port   string
	proxy  string // wssplice
	ready  string // the port of its admin server
}

// terminators are the programs, and the configuration of each.
var terminators = map[string]struct {
	program string
	config  func(*testing.T, place) (text string, args []string)
}{
	"nginx": {"nginx", func(t *testing.T, p place) (string, []string) {
		site := edits{
			"listen 443 ssl", "listen " + p.listen + " ssl", "    listen [::]:443 ssl;\n", "",
			"/etc/ssl/mail.example.org.crt", p.dir + "/cert.pem", "/etc/ssl/mail.example.org.key", p.dir + "/key.pem",
			"/var/log/nginx", p.dir, "127.0.0.1:8080", p.proxy,
		}.apply(t, "nginx.conf")
		// One process, so that none is left over and none needs another user.
		return "daemon off; master_process off; pid " + p.dir + "/pid; error_log " + p.dir + "/error.log;\n" +
				"events {}\nhttp {\nclient_body_temp_path " + p.dir + "/body; proxy_temp_path " + p.dir + "/proxy;\n" +
				"fastcgi_temp_path " + p.dir + "/f; uwsgi_temp_path " + p.dir + "/u; scgi_temp_path " + p.dir + "/s;\n" + site + "}\n",
			[]string{"-e", p.dir + "/error.log", "-c"}
	}},
	"haproxy": {"haproxy", func(t *testing.T, p place) (string, []string) {
		return edits{
			"bind :443", "bind " + p.listen, "/etc/haproxy/mail.example.org.pem", p.dir + "/both.pem",
			"127.0.0.1:8080", p.proxy, "port 9090", "port " + p.ready, "maxconn 20000", "maxconn 100",
		}.apply(t, "haproxy.cfg"), []string{"-db", "-f"}
	}},
	"caddy": {"caddy", func(t *testing.T, p place) (string, []string) {
		return edits{
			"\n{\n", "\n{\nadmin off\nauto_https disable_redirects\nskip_install_trust\nhttps_port " + p.port + "\n",
			host + " {\n", "https://" + host + " {\nbind 127.0.0.1\ntls " + p.dir + "/cert.pem " + p.dir + "/key.pem\n",
			"127.0.0.1:8080", p.proxy,
		}.apply(t, "Caddyfile"), []string{"run", "--adapter", "caddyfile", "--config"}
	}},
}

// TestTerminators runs each example in front of wssplice: it offers HTTP/1.1 alone,
// plain requests and a WebSocket pass, a client cannot claim another address, and the
// token is in none of the files and lines that the program wrote.
func TestTerminators(t *testing.T) {
	for name, term := range terminators {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(term.program)
			if err != nil {
				missing(t, term.program)
			}
			up := startUpstream(t)
			p := place{dir: t.TempDir(), proxy: startProxy(t, up.URL), ready: portOf(up.Listener.Addr().String())}
			writeCertificate(t, p.dir)
			p.listen = freeAddr(t)
			p.port = portOf(p.listen)
			text, args := term.config(t, p)
			config := filepath.Join(p.dir, "config")
			if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			wrote := run(t, p.dir, exec.Command(path, append(args, config)...))
			tlsConn(t, p.listen).Close()

			conn := tlsConn(t, p.listen)
			if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
				t.Errorf("the client is offered %q, want http/1.1", got)
			}
			conn.Close()
			visit(t, p.listen, up)

			// Access logs are written once a request has ended, a tunnel included.
			eventually(t, "the log to tell of the WebSocket", func() bool { return strings.Contains(wrote(), "/jmap/ws") })
			for _, form := range []string{token, url.QueryEscape(token), "canary"} {
				if strings.Contains(wrote(), form) {
					t.Errorf("%s wrote the token down:\n%s", name, wrote())
					break
				}
			}
		})
	}
}

// visit does what a web client does: a plain request, then a WebSocket with the token
// in its query.
func visit(t *testing.T, addr string, up *upstream) {
	t.Helper()
	client := &http.Client{
		Transport: &http.Transport{
			DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return dialTLS(addr) },
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + host + "/.well-known/jmap")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("GET /.well-known/jmap: %s, want the upstream's 307", res.Status)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss://"+host+"/jmap/ws?access_token="+url.QueryEscape(token), &websocket.DialOptions{
		HTTPClient:   client,
		Subprotocols: []string{"jmap"},
		HTTPHeader:   http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	request := `{"@type":"Request","id":"r","using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"said":"aloud"},"c"]]}`
	if err := ws.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
		t.Fatal(err)
	}
	_, answer, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(answer, []byte(`"said":"aloud"`)) {
		t.Errorf("Core/echo brought %s", answer)
	}
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("the WebSocket did not close cleanly: %v", err)
	}
	if claimed := up.claimed(); claimed != "" {
		t.Errorf("the mail server was told that the client is %q", claimed)
	}
}
