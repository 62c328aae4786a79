package load

import (
	"bytes"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// RequestsArgs says which plain requests to send.
type RequestsArgs struct {
	Connections int
	Post        bool // a body of Size bytes goes up; otherwise one comes down
	Size        int64
}

// exchange is a client's keep-alive connection for plain requests.
type exchange struct {
	RequestsArgs
	w    *clientWorker
	fd   int
	slot int32
	live bool

	id      uint32
	started int64
	out     []byte // head still to be sent
	sent    int64  // body bytes sent
	want    int64  // body bytes still to come; negative while the head is awaited
	got     int64
	part    []byte
	last    bool // the answer closes the connection
	blocked bool
}

func (e *exchange) connect() {
	if !e.w.running || e.w.tally.Errors > givingUp {
		e.w.busy--
		return
	}
	fd, err := connect(e.w.target.Addr)
	if err == nil {
		e.slot, err = e.w.loop.add(fd, unix.EPOLLIN|unix.EPOLLOUT, e)
	}
	if err != nil {
		e.w.tally.fail("%v", err)
		e.w.busy--
		return
	}
	e.fd, e.blocked, e.live = fd, true, true
	e.begin()
}

func (e *exchange) begin() {
	e.id, e.started = e.w.id(), Now()
	e.sent, e.got, e.want, e.last = 0, 0, -1, false
	if e.Post {
		e.out = appendHead(e.out[:0], "POST", "blob", e.id, false)
		e.out = fmt.Appendf(e.out, "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", e.Size)
	} else {
		e.out = appendHead(e.out[:0], "GET", "blob/"+strconv.FormatInt(e.Size, 10), e.id, false)
		e.sent = e.Size
	}
	e.out = append(e.out, "Accept: */*\r\nUser-Agent: bench\r\n\r\n"...)
	e.send()
}

func (e *exchange) fail(format string, args ...any) {
	e.w.tally.fail(format, args...)
	e.live = false
	e.w.loop.drop(e.slot, e.fd)
	e.w.busy--
}

func (e *exchange) send() {
	for len(e.out) > 0 || e.sent < e.Size {
		b := e.out
		if len(b) == 0 {
			b = patternAt(e.sent, int(min(e.Size-e.sent, readBuffer)))
		}
		n, errno := rawSend(e.fd, b)
		if errno == unix.EAGAIN || errno == unix.ENOTCONN {
			if !e.blocked {
				e.blocked = true
				e.w.loop.want(e.slot, e.fd, unix.EPOLLIN|unix.EPOLLOUT)
			}
			return
		}
		if errno != 0 {
			e.fail("send request: %v", errno)
			return
		}
		if len(e.out) > 0 {
			e.out = e.out[n:]
		} else {
			e.sent += int64(n)
			e.w.tally.Up += uint64(n)
		}
	}
	if e.blocked {
		e.blocked = false
		e.w.loop.want(e.slot, e.fd, unix.EPOLLIN)
	}
}

func (e *exchange) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		e.send()
	}
	if events&^unix.EPOLLOUT == 0 || !e.live {
		return
	}
	n, errno := rawRead(e.fd, e.w.loop.buf)
	switch {
	case errno == unix.EAGAIN:
	case errno != 0:
		e.fail("read answer: %v", errno)
	case n == 0:
		e.fail("connection ended %d bytes before the end of an answer", e.want)
	default:
		e.feed(e.w.loop.buf[:n])
	}
}

func (e *exchange) feed(b []byte) {
	if e.want < 0 {
		if len(e.part) > 0 {
			b = append(e.part, b...)
			e.part = nil
		}
		end := bytes.Index(b, headEnd)
		if end < 0 {
			e.part = bytes.Clone(b)
			return
		}
		if !e.head(b[:end+2]) {
			return
		}
		b = b[end+4:]
	}
	if int64(len(b)) > e.want {
		e.fail("%d bytes behind an answer", int64(len(b))-e.want)
		return
	}
	if !matches(b, e.got) {
		e.w.tally.fail("answer differs within %d bytes after %d", len(b), e.got)
	}
	e.got += int64(len(b))
	e.want -= int64(len(b))
	e.w.tally.Down += uint64(len(b))
	if e.want == 0 {
		e.finish()
	}
}

// head reads the answer's head and says whether it is a good one.
func (e *exchange) head(head []byte) bool {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		e.fail("request answered with %q", line)
		return false
	}
	fields(head, func(name, value []byte) {
		switch {
		case is(name, "Content-Length"):
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err == nil {
				e.want = n
			}
		case is(name, "Connection"):
			e.last = is(value, "close")
		}
	})
	expected := e.Size
	if e.Post {
		expected = 2
	}
	if e.want != expected {
		e.fail("answer of %d bytes where %d are due", e.want, expected)
		return false
	}
	return true
}

func (e *exchange) finish() {
	if len(e.out) > 0 || e.sent < e.Size {
		e.fail("answered before the request's body had gone out")
		return
	}
	e.w.tally.Requests++
	e.w.tally.Latency.Add(Now() - e.started)
	if !e.w.running {
		e.live = false
		e.w.loop.drop(e.slot, e.fd)
		e.w.busy--
		return
	}
	if e.last {
		e.live = false
		e.w.loop.drop(e.slot, e.fd)
		e.connect()
		return
	}
	e.begin()
}
