//go:build linux

package proxy_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// An upstream is a listening socket that can also be made not to listen, or to
// listen with a full queue, while its port stays taken.
type upstream struct {
	net.Listener
	fd   int    // the same socket as the Listener's
	url  string // as Config.Upstream wants it
	fill []int  // connections that fill the queue
}

// listenTCP binds a free port of loopback. how is "", "down" or "full".
func listenTCP(how string) (*upstream, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("create socket: %w", err)
	}
	u := &upstream{fd: fd}
	// Without it the port cannot be listened on again while connections live.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		u.Close()
		return nil, fmt.Errorf("set SO_REUSEADDR: %w", err)
	}
	// A port asked for by number stays bound when the socket stops listening; one
	// that the kernel chose is given up. So ask for what it chose.
	if err := bindChosen(fd); err != nil {
		u.Close()
		return nil, err
	}
	if how != "down" {
		backlog := 128
		if how == "full" {
			backlog = 0
		}
		if err := unix.Listen(fd, backlog); err != nil {
			u.Close()
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	if err := u.wrap(); err != nil {
		return nil, err
	}
	if how == "full" {
		return u, u.crowd()
	}
	return u, nil
}

func bindChosen(fd int) error {
	for range 10 {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		port := ln.Addr().(*net.TCPAddr).Port
		ln.Close()
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
		if err != unix.EADDRINUSE {
			return err
		}
	}
	return unix.EADDRINUSE
}

// listenUnix listens on a socket in dir.
func listenUnix(dir string) (*upstream, error) {
	path := filepath.Join(dir, "upstream.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("create socket: %w", err)
	}
	u := &upstream{fd: fd}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		u.Close()
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		u.Close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	return u, u.wrap()
}

func (u *upstream) wrap() error {
	dup, err := unix.FcntlInt(uintptr(u.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("duplicate socket: %w", err)
	}
	f := os.NewFile(uintptr(dup), "upstream")
	defer f.Close()
	if u.Listener, err = net.FileListener(f); err != nil {
		u.Close()
		return fmt.Errorf("wrap socket: %w", err)
	}
	if a := u.Addr(); a.Network() == "unix" {
		u.url = "unix:" + a.String()
	} else {
		u.url = "http://" + a.String()
	}
	return nil
}

// crowd fills the queue: with a backlog of 0 the kernel keeps one connection
// and drops the SYNs of the rest.
func (u *upstream) crowd() error {
	sa := &unix.SockaddrInet4{Port: u.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	for range 16 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("create socket: %w", err)
		}
		u.fill = append(u.fill, fd)
		if u.readable() {
			return nil
		}
		if err := unix.Connect(fd, sa); err != nil {
			return fmt.Errorf("fill the queue: %w", err)
		}
	}
	return fmt.Errorf("the queue does not fill")
}

// down stops listening; connects are refused from now on.
func (u *upstream) down() error { return unix.Shutdown(u.fd, unix.SHUT_RD) }

// up listens again.
func (u *upstream) up() error { return unix.Listen(u.fd, 128) }

// pending says whether a connection of the proxy's waits to be accepted.
func (u *upstream) pending() bool {
	return len(u.fill) == 0 && u.readable()
}

func (u *upstream) readable() bool {
	fds := []unix.PollFd{{Fd: int32(u.fd), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, 0)
	return n == 1 && fds[0].Revents&unix.POLLIN != 0
}

// next accepts one connection.
func (u *upstream) next() (net.Conn, error) {
	u.Listener.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(limit))
	return u.Accept()
}

func (u *upstream) Close() error {
	for _, fd := range u.fill {
		unix.Close(fd)
	}
	unix.Close(u.fd)
	if u.Listener == nil {
		return nil
	}
	return u.Listener.Close()
}

// failedConnects is how many connects the kernel of this machine has seen fail.
func failedConnects() string {
	text, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return ""
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "Tcp:") {
			continue
		}
		fields := strings.Fields(line)
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "AttemptFails" {
				return fields[i]
			}
		}
	}
	return ""
}

// unread says whether the socket that a peer's bytes go to still holds some
// that its owner has not read. Both are sockets of this machine.
func unread(from net.Conn) bool {
	local, ok := from.LocalAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	remote := from.RemoteAddr().(*net.TCPAddr)
	text, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return false
	}
	// The other socket's line has the addresses the other way round. Columns:
	// sl local remote state tx_queue:rx_queue, addresses in host byte order.
	want := fmt.Sprintf(" %s:%04X %s:%04X ", "0100007F", remote.Port, "0100007F", local.Port)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, want) {
			f := strings.Fields(line)
			return len(f) > 4 && !strings.HasSuffix(f[4], ":00000000")
		}
	}
	return false
}
