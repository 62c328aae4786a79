package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"testing"
	"time"
)

// The handshake of RFC 6455 section 1.3.
const (
	wsKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	wsMagic  = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	wsAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// startUpstream is a server that answers an upgrade with 101 and echoes from then
// on, and anything else with 200. It sends every head's Authorization to got.
func startUpstream(t *testing.T) (addr string, got <-chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heads := make(chan string, 100)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go answer(c, heads)
		}
	}()
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String(), heads
}

func answer(c net.Conn, heads chan<- string) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		heads <- req.Header.Get("Authorization")
		if req.Header.Get("Upgrade") == "" {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			continue
		}
		sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + wsMagic))
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
		io.Copy(c, r)
		return
	}
}

// tunnel is an upgraded connection.
type tunnel struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// upgrade opens a tunnel through the proxy at addr.
func upgrade(t *testing.T, addr, token string) *tunnel {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET /jmap/ws?access_token="+token+" HTTP/1.1\r\nHost: mail.example\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+wsKey+"\r\n\r\n")
	tun := &tunnel{t, c, bufio.NewReader(c)}
	head := textproto.NewReader(tun.r)
	status, err := head.ReadLine()
	if err != nil || status != "HTTP/1.1 101 Switching Protocols" {
		t.Fatalf("answered %q, %v", status, err)
	}
	fields, err := head.ReadMIMEHeader()
	if err != nil || fields.Get("Sec-WebSocket-Accept") != wsAccept {
		t.Fatalf("answered %v, %v", fields, err)
	}
	return tun
}

// echo sends words through the tunnel and waits for them to come back.
func (tun *tunnel) echo(words string) {
	tun.t.Helper()
	if _, err := io.WriteString(tun, words); err != nil {
		tun.t.Fatal(err)
	}
	back := make([]byte, len(words))
	if _, err := io.ReadFull(tun.r, back); err != nil || string(back) != words {
		tun.t.Fatalf("%q came back as %q, %v", words, back, err)
	}
}

// gone waits until the tunnel has ended.
func (tun *tunnel) gone() {
	tun.t.Helper()
	if _, err := io.Copy(io.Discard, tun.r); err != nil {
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			tun.t.Fatal("the tunnel is still there")
		}
	}
}

// get asks url and returns status and body.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
