package deploy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// modules are what the recipe needs besides nginx.
const modules = "/usr/lib/nginx/modules/ngx_http_lua_module.so"

// nothing stands for a request that the mail server never sees.
const nothing = "nothing"

// differences are the rows of the first table of docs/replacing-openresty.md: what a
// client sends, and what of it the mail server is told by the recipe and by wssplice.
var differences = []struct {
	what             string
	target, fields   string // of an upgrade
	recipe, wssplice string // request line and Authorization as the mail server gets them, or nothing
}{
	{"escaped plus", "/jmap/ws?access_token=a%2Bb", "",
		"/jmap/ws?access_token=a%2Bb | Bearer a+b", "/jmap/ws | Bearer a+b"},
	{"raw plus", "/jmap/ws?access_token=a+b", "",
		"/jmap/ws?access_token=a+b | Bearer a b", "/jmap/ws | Bearer a+b"},
	{"line break", "/jmap/ws?access_token=a%0d%0aX-Injected:%201", "",
		"/jmap/ws?access_token=a%0d%0aX-Injected:%201 | Bearer a | X-Injected: 1", nothing},
	{"other case", "/jmap/ws?Access_Token=a", "",
		"/jmap/ws?Access_Token=a | Bearer a", "/jmap/ws?Access_Token=a"},
	{"escaped name", "/jmap/ws?%61ccess_token=a", "",
		"/jmap/ws?%61ccess_token=a | Bearer", "/jmap/ws | Bearer a"},
	{"twice", "/jmap/ws?access_token=a&access_token=b", "",
		"/jmap/ws?access_token=a&access_token=b | Bearer a", nothing},
	{"no token but a header", "/jmap/ws", "Authorization: Bearer own\r\n",
		"/jmap/ws | Bearer", "/jmap/ws | Bearer own"},
	{"path that leaves", "/jmap/../admin", "",
		nothing, nothing},
}

// TestRecipe plays each difference to both.
func TestRecipe(t *testing.T) {
	for _, d := range differences {
		t.Run(d.what, func(t *testing.T) {
			mail := startMail(t, goodAnswer)
			for _, p := range []struct{ name, addr, want string }{
				{"the recipe", startRecipe(t, mail.addr()), d.recipe},
				{"wssplice", startProxy(t, "http://"+mail.addr()), d.wssplice},
			} {
				ask(t, p.addr, d.target, d.fields)
				if got := mail.told(); got != p.want {
					t.Errorf("with %s the mail server gets %s, want %s", p.name, got, p.want)
				}
			}
		})
	}
}

// TestRecipeLyingAnswer: a 101 that does not accept the client's key is no WebSocket.
func TestRecipeLyingAnswer(t *testing.T) {
	mail := startMail(t, strings.Replace(goodAnswer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1))
	if got := ask(t, startRecipe(t, mail.addr()), "/jmap/ws", ""); got != 101 {
		t.Errorf("the recipe answers %d", got)
	}
	if got := ask(t, startProxy(t, "http://"+mail.addr()), "/jmap/ws", ""); got != 502 {
		t.Errorf("wssplice answers %d", got)
	}
}

// TestRecipeRestart: a mail server that is away for a moment.
func TestRecipeRestart(t *testing.T) {
	addr := freeAddr(t)
	if got := ask(t, startRecipe(t, addr), "/jmap/ws", ""); got != 502 {
		t.Errorf("the recipe answers %d", got)
	}
	back := make(chan *mail, 1)
	time.AfterFunc(300*time.Millisecond, func() { back <- startMailAt(t, addr, goodAnswer) })
	if got := ask(t, startProxy(t, "http://"+addr), "/jmap/ws", ""); got != 101 {
		t.Errorf("wssplice answers %d", got)
	}
	<-back
}

// TestRecipeHalfClose: a client that says goodbye and ends its direction at once, as
// HAProxy does for WebSockets over HTTP/2, still waits for the reply.
func TestRecipeHalfClose(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.WriteString(conn, goodAnswer)
				io.Copy(io.Discard, conn) // up to the client's end
				io.WriteString(conn, "reply")
			}
			conn.Close()
		}
	}()
	for _, p := range []struct{ name, addr, want string }{
		{"the recipe", startRecipe(t, ln.Addr().String()), ""},
		{"wssplice", startProxy(t, "http://"+ln.Addr().String()), "reply"},
	} {
		conn := upgrade(t, p.addr, "/jmap/ws", "")
		down := bufio.NewReader(conn)
		if _, err := http.ReadResponse(down, nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(down); string(got) != p.want {
			t.Errorf("through %s the client reads %q, want %q", p.name, got, p.want)
		}
		conn.Close()
	}
}

const goodAnswer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// ask sends an upgrade and returns the status of the answer.
func ask(t *testing.T, addr, target, fields string) (status int) {
	t.Helper()
	conn := upgrade(t, addr, target, fields)
	defer conn.Close()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// upgrade sends an upgrade.
func upgrade(t *testing.T, addr, target, fields string) (conn net.Conn) {
	t.Helper()
	eventually(t, addr+" to listen", func() (ok bool) {
		var err error
		conn, err = net.Dial("tcp", addr)
		return err == nil
	})
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", target, host, fields)
	return conn
}

// mail is a server that answers every request with the same bytes and closes.
type mail struct {
	ln    net.Listener
	heads chan string
}

func startMail(t *testing.T, answer string) *mail { return startMailAt(t, "127.0.0.1:0", answer) }

func startMailAt(t *testing.T, addr, answer string) *mail {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { ln.Close() })
	m := &mail{ln: ln, heads: make(chan string, 10)}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			m.serve(conn, answer)
		}
	}()
	return m
}

func (m *mail) serve(conn net.Conn, answer string) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	var head strings.Builder
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		head.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	m.heads <- head.String()
	io.WriteString(conn, answer)
}

func (m *mail) addr() string { return m.ln.Addr().String() }

// told is what the last request told the mail server: its target, its credential, and
// a field that the client smuggled in. The client has had its answer, so if there was
// a request it is here.
func (m *mail) told() string {
	select {
	case head := <-m.heads:
		lines := strings.Split(head, "\r\n")
		said := strings.Fields(lines[0])[1:2]
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "Authorization":
				said = append(said, strings.TrimSpace(value))
			case "X-Injected":
				said = append(said, line)
			}
		}
		return strings.Join(said, " | ")
	default:
		return nothing
	}
}

// startRecipe runs the recipe before mailServer.
func startRecipe(t *testing.T, mailServer string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err == nil {
		_, err = os.Stat(modules)
	}
	if err != nil {
		missing(t, "nginx with "+modules)
	}
	dir, addr := t.TempDir(), freeAddr(t)
	text := read(t, "openresty/nginx.conf")
	for _, e := range [][2]string{
		{"listen 8080", "listen " + addr}, {"mail-server:8080", mailServer},
		{"events {}", "daemon off; master_process off; pid " + dir + "/pid;\nevents {}"},
		{"http {\n", "http {\naccess_log off; client_body_temp_path " + dir + "/body; proxy_temp_path " + dir + "/proxy;\n" +
			"fastcgi_temp_path " + dir + "/f; uwsgi_temp_path " + dir + "/u; scgi_temp_path " + dir + "/s;\n"},
	} {
		if !strings.Contains(text, e[0]) {
			t.Fatalf("the recipe does not hold %q", e[0])
		}
		text = strings.ReplaceAll(text, e[0], e[1])
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, exec.Command(path, "-e", dir+"/error.log", "-c", config))
	return addr
}
