package demo

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
)

// wire prints what each upgrade was on the wire: its head before wssplice and
// after it, and the first line of the answer. The two ends see the
// two heads on different connections; the key of the handshake, which passes
// untouched, tells which belong together.
type wire struct {
	mask *masker

	mu    sync.Mutex // guards what follows, and keeps blocks apart in out
	out   io.Writer
	count int
	open  []*upgrade // asked and not answered yet, oldest first
}

// upgrade is one on its way. The mutex of its wire guards it.
type upgrade struct {
	key           string
	before, after []string // masked lines; after is nil if the stand-in never saw it
}

// asked begins an upgrade with the head that the client sent.
func (w *wire) asked(head []byte) *upgrade {
	key, _ := field(head, "sec-websocket-key")
	u := &upgrade{key: key, before: w.mask.head(head)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = append(w.open, u)
	return u
}

// received adds the head that the stand-in got. Of two upgrades at once with one
// key (two of the README's curls) the older is taken: their heads differ
// in nothing that is shown. A head that no recorded client sent is ignored:
// somebody talks to the stand-in past wssplice.
func (w *wire) received(head []byte) {
	key, _ := field(head, "sec-websocket-key")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.open {
		if u.key == key && u.after == nil {
			u.after = w.mask.head(head)
			return
		}
	}
}

// answered ends u with the first line of its answer, empty if there was none,
// and prints it all.
func (w *wire) answered(u *upgrade, line []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.open, u)
	if i < 0 {
		return
	}
	w.open = slices.Delete(w.open, i, i+1)
	w.count++

	var b bytes.Buffer
	fmt.Fprintf(&b, "\nUpgrade %d, as the client sent it (- is not passed on as it is):\n", w.count)
	writeLines(&b, '-', u.before, u.after)
	if u.after == nil {
		fmt.Fprintf(&b, "wssplice did not pass it on.\n")
	} else {
		fmt.Fprintf(&b, "as the mail server received it (+ is wssplice's):\n")
		writeLines(&b, '+', u.after, u.before)
	}
	if len(line) == 0 {
		fmt.Fprintf(&b, "The connection ended without an answer.\n")
	} else {
		fmt.Fprintf(&b, "and the answer: %s\n", w.mask.line(string(line)))
	}
	w.out.Write(b.Bytes())
}

// writeLines writes lines, each that others lacks with sign in front.
func writeLines(b *bytes.Buffer, sign byte, lines, others []string) {
	for _, l := range lines {
		s := sign
		if slices.Contains(others, l) {
			s = ' '
		}
		fmt.Fprintf(b, "  %c %s\n", s, l)
	}
}

// say prints a text between two blocks.
func (w *wire) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, format, args...)
}
