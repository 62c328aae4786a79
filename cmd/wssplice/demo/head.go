package demo

import (
	"bytes"
	"strings"
)

// maxHead bounds what is kept of a head that does not end, in bytes.
const maxHead = 64 << 10

// headWatch is an io.Writer that sees what one client sends on one connection
// and calls found with the head of the upgrade in it. A plain request before
// the upgrade is skipped if it has no body, as a page's GETs; one with a body
// ends the watch, since telling where it ends is not this file's business.
type headWatch struct {
	found func(head []byte)
	buf   []byte
	over  bool // what follows is of no interest
}

// Write never fails, and holds nothing of b any more once the watch is over.
func (w *headWatch) Write(b []byte) (int, error) {
	if w.over {
		return len(b), nil
	}
	seen := len(w.buf)
	w.buf = append(w.buf, b...)
	for !w.over {
		// The end may have begun in the last three bytes of the write before.
		from := max(0, seen-3)
		i := bytes.Index(w.buf[from:], []byte("\r\n\r\n"))
		if i < 0 {
			w.over = len(w.buf) > maxHead
			break
		}
		head := w.buf[:from+i+4]
		switch {
		case len(head) > maxHead:
			w.over = true
		case has(head, "upgrade"):
			w.found(head)
			w.over = true
		case has(head, "transfer-encoding") || has(head, "content-length"):
			w.over = true
		}
		w.buf, seen = w.buf[len(head):], 0
	}
	if w.over {
		w.buf = nil
	}
	return len(b), nil
}

// has says whether head has a field of that lower-case name.
func has(head []byte, name string) bool {
	_, ok := field(head, name)
	return ok
}

// field is the value of head's first field of that lower-case name.
func field(head []byte, name string) (string, bool) {
	for l := range bytes.Lines(head) {
		n, v, ok := strings.Cut(string(l), ":")
		if ok && strings.ToLower(strings.TrimSpace(n)) == name {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}
