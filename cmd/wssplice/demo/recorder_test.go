package demo

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startRecorder puts a recorder in front of to and gives its address.
func startRecorder(t *testing.T, to string, w *wire) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{ln: ln, to: to, wire: w, conns: map[net.Conn]struct{}{}}
	served := make(chan error, 1)
	go func() { served <- r.serve() }()
	t.Cleanup(func() {
		r.close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// behind gives the two ends of a connection through a recorder: the client's,
// and the one that wssplice would have.
func behind(t *testing.T, w *wire) (client, server *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", startRecorder(t, ln.Addr().String(), w))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{c, s} {
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func newWire() (*wire, *printed) {
	out := new(printed)
	return &wire{mask: newMasker(DefaultToken), out: out}, out
}

// expect reads want and nothing else off c; eof says that the end follows.
func expect(t *testing.T, c net.Conn, want string, eof bool) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b, err, want)
	}
	if !eof {
		return
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d more bytes and %v; want the end", n, err)
	}
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

const (
	clientHead = "GET /jmap/ws?a=1&access_token=demo%2Bmail%2Ftoken%3D%3D HTTP/1.1\r\nHost: h\r\n" +
		"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: k1\r\nUpgrade: websocket\r\n\r\n"
	serverHead = "GET /jmap/ws?a=1 HTTP/1.1\r\nHost: h\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Key: k1\r\nUpgrade: websocket\r\nAuthorization: Bearer demo+mail/token==\r\n\r\n"
)

func TestWirePrintsBothHeads(t *testing.T) {
	w, out := newWire()
	client, server := behind(t, w)
	send(t, client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", false)
	send(t, server, "HTTP/1.1 204 No Content\r\n\r\n")
	expect(t, client, "HTTP/1.1 204 No Content\r\n\r\n", false)

	send(t, client, clientHead+"early")
	expect(t, server, clientHead+"early", false)
	w.received([]byte(strings.ReplaceAll(serverHead, "k1", "k2"))) // somebody else's
	w.received([]byte(serverHead))
	w.received([]byte(serverHead)) // past the recorder
	send(t, server, "HTTP/1.1 101 Switch")
	send(t, server, "ing Protocols\r\n\r\n")
	expect(t, client, "HTTP/1.1 101 Switching Protocols\r\n\r\n", false)
	out.await(t, "the answer", 1)
	const want = `
Upgrade 1, as the client sent it (- is not passed on as it is):
  - GET /jmap/ws?a=***&access_token=*** HTTP/1.1
    Host: h
  - Connection: keep-alive, Upgrade
    Sec-WebSocket-Key: k1
    Upgrade: websocket
as the mail server received it (+ is wssplice's):
  + GET /jmap/ws?a=*** HTTP/1.1
    Host: h
  + Connection: Upgrade
    Sec-WebSocket-Key: k1
    Upgrade: websocket
  + Authorization: Bearer ***
and the answer: HTTP/1.1 101 Switching Protocols
`
	if got := out.String(); got != want {
		t.Errorf("got:%s\nwant:%s", got, want)
	}
}

func TestWireSaysWhatDidNotArrive(t *testing.T) {
	w, out := newWire()
	client, server := behind(t, w)
	send(t, client, clientHead)
	expect(t, server, clientHead, false)
	send(t, server, "HTTP/1.1 400 Bad \x1bRequest\r\n\r\n")
	server.Close()
	expect(t, client, "HTTP/1.1 400 Bad \x1bRequest\r\n\r\n", true)
	out.await(t, "wssplice did not pass it on.\nand the answer: HTTP/1.1 400 Bad \\x1bRequest\n", 1)

	client, server = behind(t, w)
	send(t, client, clientHead)
	expect(t, server, clientHead, false)
	server.Close()
	client.Close()
	out.await(t, "wssplice did not pass it on.\nThe connection ended without an answer.\n", 1)
}

func TestHalfCloseEndsOneWay(t *testing.T) {
	w, _ := newWire()
	client, server := behind(t, w)
	send(t, client, "last")
	client.CloseWrite()
	expect(t, server, "last", true)
	send(t, server, "reply")
	server.CloseWrite()
	expect(t, client, "reply", true)
}

func TestResetStaysAReset(t *testing.T) {
	w, _ := newWire()
	for _, fromClient := range []bool{true, false} {
		client, server := behind(t, w)
		send(t, client, "up")
		expect(t, server, "up", false)
		gone, left := client, server
		if !fromClient {
			gone, left = server, client
		}
		gone.SetLinger(0)
		gone.Close()
		if _, err := left.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("reset by the client (%t) arrives as %v", fromClient, err)
		}
	}
}

// wssplice refuses an upgrade and closes while the client still sends: the
// refusal must arrive all the same.
func TestRefusalSurvivesUnreadBytes(t *testing.T) {
	w, _ := newWire()
	client, server := behind(t, w)
	const refusal = "HTTP/1.1 400 Bad Request\r\n\r\n"
	send(t, client, "head")
	expect(t, server, "head", false)
	send(t, server, refusal)
	server.Close()
	for range 100 {
		send(t, client, strings.Repeat("x", 16<<10)) // fails once the recorder has closed
	}
	client.CloseWrite()
	expect(t, client, refusal, true)
}
