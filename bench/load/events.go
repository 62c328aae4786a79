package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// Event streams are JMAP's other push transport (RFC 8620 section 7.3): a plain
// request whose answer never ends. Both ends treat them as tunnels for pushes;
// the messages are the same, each a chunk of its own.
const eventsPath = "events"

func appendEventsRequest(b []byte, id uint32) []byte {
	b = appendHead(b, "GET", eventsPath, id, false)
	return append(b, "Accept: text/event-stream\r\nCache-Control: no-cache\r\nUser-Agent: bench\r\n\r\n"...)
}

// checkEvents says whether a stream has begun, and how its body is framed: a
// proxy may turn chunks into a body that lasts until the connection closes.
func checkEvents(head []byte) (chunked bool, err error) {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return false, fmt.Errorf("event stream answered with %q", line)
	}
	stream := false
	fields(head, func(name, value []byte) {
		switch {
		case is(name, "Content-Type"):
			stream = is(value, "text/event-stream")
		case is(name, "Transfer-Encoding"):
			chunked = is(value, "chunked")
		case is(name, "Content-Length"):
			err = fmt.Errorf("event stream with a length of %s", value)
		}
	})
	if !stream {
		err = fmt.Errorf("event stream of another content type")
	}
	return chunked, err
}

// events begins an event stream and makes a tunnel of it that is pushed over.
func (s *served) events() {
	w := s.w
	// The field asks nginx not to collect the events until a buffer is full.
	head := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
		"X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n")
	if s.request.lastOne {
		head = append(head, "Connection: close\r\n"...)
	}
	head = append(head, "\r\n"...)
	if n, errno := rawSend(s.fd, head); errno != 0 || n != len(head) {
		w.tally.fail("send head of an event stream: %v", errno)
		s.close()
		return
	}
	w.tally.Opened++
	w.tally.Open++
	p := w.subscribe(wire{loop: w.loop, tally: &w.tally, fd: s.fd, slot: s.slot, id: s.request.id})
	p.chunked = true
	w.loop.slots[s.slot].guest = p
}

// appendChunk frames a chunk of a body (RFC 9112 section 7.1).
func appendChunk(b, content []byte) []byte {
	b = strconv.AppendInt(b, int64(len(content)), 16)
	b = append(b, "\r\n"...)
	b = append(b, content...)
	return append(b, "\r\n"...)
}
