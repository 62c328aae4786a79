//go:build linux

package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A peer is one end of a connection with the proxy.
type peer struct {
	net.Conn
	read, written uint64
	broken        bool // a reset was seen or sent: bytes may be lost by right
}

func newPeer(c net.Conn) *peer {
	c.SetDeadline(time.Now().Add(limit))
	return &peer{Conn: c}
}

func (p *peer) Read(b []byte) (n int, err error) {
	n, err = p.Conn.Read(b)
	p.read += uint64(n)
	return n, err
}

func (p *peer) Write(b []byte) (n int, err error) {
	n, err = p.Conn.Write(b)
	p.written += uint64(n)
	return n, err
}

// want reads exactly the bytes of data, and not one more.
func (p *peer) want(data []byte) error {
	got := make([]byte, len(data))
	for n := 0; n < len(data); {
		m, err := p.Read(got[n:])
		n += m
		if !bytes.Equal(got[:n], data[:n]) {
			return fmt.Errorf("want %s, got %s", quote(data), quote(got[:n]))
		}
		if err != nil {
			return fmt.Errorf("want %s, got %s and then %w", quote(data), quote(got[:n]), err)
		}
	}
	return nil
}

// end reads up to the end of the connection: reset, or clean.
func (p *peer) end() (rest []byte, reset bool, err error) {
	rest, err = io.ReadAll(p)
	if errors.Is(err, syscall.ECONNRESET) {
		p.broken = true
		return rest, true, nil
	}
	return rest, false, err
}

// wantEnd judges the end: how is FIN, RST, END, ANY or MOST (of data).
func (p *peer) wantEnd(how string, data []byte) error {
	rest, reset, err := p.end()
	switch {
	case err != nil:
		return fmt.Errorf("want an end, got %s and then %w", quote(rest), err)
	case how == "ANY":
	case how == "MOST" && !bytes.HasPrefix(data, rest):
		return fmt.Errorf("want a beginning of %s at most, got %s", quote(data), quote(rest))
	case how == "MOST":
	case len(rest) > 0:
		return fmt.Errorf("want an end, got %s", quote(rest))
	case how == "FIN" && reset:
		return errors.New("want a clean end, got a reset")
	case how == "RST" && !reset:
		return errors.New("want a reset, got a clean end")
	}
	return nil
}

// wantNothing looks whether a byte or an end is there now.
func (p *peer) wantNothing() error {
	raw, err := p.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var peek error
	buf := make([]byte, 256)
	if err := raw.Control(func(fd uintptr) {
		n, _, peek = unix.Recvfrom(int(fd), buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}); err != nil {
		return err
	}
	switch {
	case peek == unix.EAGAIN:
		return nil
	case peek != nil:
		return fmt.Errorf("want nothing, got %w", peek)
	case n == 0:
		return errors.New("want nothing, got a clean end")
	}
	return fmt.Errorf("want nothing, got %s", quote(buf[:n]))
}

// urgent sends one byte out of band.
func (p *peer) urgent(b byte) error {
	raw, err := p.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var send error
	if err := raw.Control(func(fd uintptr) {
		send = unix.Sendto(int(fd), []byte{b}, unix.MSG_OOB, nil)
		p.written++
	}); err != nil {
		return err
	}
	return send
}

func (p *peer) reset() error {
	p.broken = true
	if c, ok := p.Conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	return p.Close()
}

func (p *peer) halfClose() error {
	return p.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// wantRefusal reads a refusal. arg is its status and, if wanted, a field: a
// name, or "name: value"; or the word HEAD for an answer without a body.
func (p *peer) wantRefusal(arg string) error {
	status, field, _ := strings.Cut(arg, " ")
	all, reset, err := p.end()
	if err != nil {
		return fmt.Errorf("want a refusal, got %s and then %w", quote(all), err)
	}
	if reset {
		return fmt.Errorf("want a refusal and a clean end, got %s and a reset", quote(all))
	}
	method := "GET"
	if field == "HEAD" {
		method, field = "HEAD", ""
	}
	r := bufio.NewReader(bytes.NewReader(all))
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return fmt.Errorf("want a refusal, got %s: %w", quote(all), err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("want a refusal, got %s: %w", quote(all), err)
	}
	switch rest, _ := io.ReadAll(r); {
	case strconv.Itoa(resp.StatusCode) != status:
		return fmt.Errorf("want status %s, got %s", status, quote(all))
	case len(rest) > 0:
		return fmt.Errorf("want one refusal, got more behind it: %s", quote(all))
	case resp.Proto != "HTTP/1.1":
		return fmt.Errorf("want HTTP/1.1, got %s", quote(all))
	case !resp.Close || !bytes.Contains(all, []byte("\r\nConnection: close\r\n")):
		return fmt.Errorf("want Connection: close, got %s", quote(all))
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"):
		return fmt.Errorf("want text/plain, got %s", quote(all))
	case resp.Header.Get("Content-Length") == "":
		return fmt.Errorf("want Content-Length, got %s", quote(all))
	case method == "GET" && (strings.Count(string(body), "\n") != 1 || !strings.HasSuffix(string(body), "\n") || len(body) < 10):
		return fmt.Errorf("want one line of text, got %s", quote(all))
	}
	for _, form := range forms(canary) {
		if strings.Contains(string(all), form) {
			return fmt.Errorf("want nothing of the token told, got %s", quote(all))
		}
	}
	if name, value, _ := strings.Cut(field, ": "); field != "" {
		got := resp.Header.Get(name)
		if got == "" || value != "" && got != value {
			return fmt.Errorf("want the field %s, got %s", field, quote(all))
		}
	}
	return nil
}

// quote writes bytes for a person, long ones cut in the middle.
func quote(b []byte) string {
	if len(b) > 1200 {
		return fmt.Sprintf("%q... (%d bytes) ...%q", b[:500], len(b), b[len(b)-100:])
	}
	return strconv.Quote(string(b))
}
