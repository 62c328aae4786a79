package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is for what must happen; it only bounds a test that fails.
const patience = 30 * time.Second

// gate is a writer that blocks while it is shut.
type gate struct {
	mu      sync.Mutex // held by whoever shuts it
	entered chan struct{}
	out     bytes.Buffer
}

func newGate() *gate { return &gate{entered: make(chan struct{}, 1)} }

func (g *gate) Write(p []byte) (int, error) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.out.Write(p)
}

func reportPlainly(out io.Writer, dropped uint64) { fmt.Fprintf(out, "dropped %d\n", dropped) }

// TestLogQueueBlockedWriter: with a writer that takes nothing, Write returns all
// the same, memory stays bounded, and once the writer takes lines again nothing
// is cut, the order is kept, and the gap is told where it is.
func TestLogQueueBlockedWriter(t *testing.T) {
	const max, lines = 1000, 500
	g := newGate()
	g.mu.Lock()
	q := newLogQueue(g, max, reportPlainly)
	fmt.Fprintln(q, "first")
	<-g.entered // the queue's goroutine is stuck with the first line

	for i := range lines {
		if n, err := fmt.Fprintf(q, "line %03d\n", i); n != 9 || err != nil {
			t.Fatalf("write %d: %d, %v", i, n, err)
		}
	}
	q.mu.Lock()
	held := len(q.pending)
	q.mu.Unlock()
	if held > max {
		t.Errorf("%d bytes are held, more than %d", held, max)
	}
	kept := max / 9
	if got, want := q.Dropped(), uint64(lines-kept); got != want {
		t.Errorf("%d lines counted as dropped, want %d", got, want)
	}

	g.mu.Unlock()
	if !q.Close(patience) {
		t.Fatal("not flushed")
	}
	var want strings.Builder
	want.WriteString("first\n")
	for i := range kept {
		fmt.Fprintf(&want, "line %03d\n", i)
	}
	fmt.Fprintf(&want, "dropped %d\n", lines-kept)
	if got := g.out.String(); got != want.String() {
		t.Errorf("written:\n%swant:\n%s", got, want.String())
	}
}

// TestLogQueueStuckAtExit: an exit does not wait for a writer that never returns.
func TestLogQueueStuckAtExit(t *testing.T) {
	g := newGate()
	g.mu.Lock()
	q := newLogQueue(g, 1000, reportPlainly)
	fmt.Fprintln(q, "stuck")
	if q.Close(0) {
		t.Error("claims to have written it")
	}
	fmt.Fprintln(q, "late")
	if q.Dropped() != 1 {
		t.Errorf("%d lines counted as dropped after Close, want 1", q.Dropped())
	}
	g.mu.Unlock()
	if !q.Close(patience) {
		t.Error("not flushed although the writer takes lines")
	}
	if got := g.out.String(); !strings.HasPrefix(got, "stuck\n") {
		t.Errorf("written: %q", got)
	}
}

// failing refuses its first write and takes part of it.
type failing struct {
	bytes.Buffer
	failed bool
}

func (f *failing) Write(p []byte) (int, error) {
	if f.failed {
		return f.Buffer.Write(p)
	}
	f.failed = true
	n, _ := f.Buffer.Write(p[:bytes.IndexByte(p, '\n')+1])
	return n, errors.New("no space left")
}

// TestLogQueueWriteError: lines that the writer refuses count as dropped, and are
// told once it takes some again.
func TestLogQueueWriteError(t *testing.T) {
	f := new(failing)
	q := &logQueue{out: f, max: 1000, report: reportPlainly, wake: make(chan struct{}, 1)}
	io.WriteString(q, "one\n")
	io.WriteString(q, "two\n")
	io.WriteString(q, "three\n")
	q.flush(nil)
	if q.Dropped() != 2 {
		t.Errorf("%d lines counted as dropped, want 2", q.Dropped())
	}
	io.WriteString(q, "four\n")
	q.flush(nil)
	if got, want := f.String(), "one\nfour\ndropped 2\n"; got != want {
		t.Errorf("written %q, want %q", got, want)
	}
}

// TestLogQueueManyWriters: every line is either written whole or counted.
func TestLogQueueManyWriters(t *testing.T) {
	const writers, each = 8, 2000
	var out bytes.Buffer
	q := newLogQueue(&out, 4096, func(io.Writer, uint64) {})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				fmt.Fprintf(q, "<%d %d>\n", w, i)
			}
		})
	}
	wg.Wait()
	if !q.Close(patience) {
		t.Fatal("not flushed")
	}
	written := 0
	for line := range strings.Lines(out.String()) {
		var w, i int
		if _, err := fmt.Sscanf(line, "<%d %d>\n", &w, &i); err != nil {
			t.Fatalf("torn line %q", line)
		}
		written++
	}
	if got := uint64(written) + q.Dropped(); got != writers*each {
		t.Errorf("%d lines written or dropped, want %d", got, writers*each)
	}
}

// TestLogQueueShrinks: after a burst an idle queue keeps little.
func TestLogQueueShrinks(t *testing.T) {
	q := &logQueue{out: io.Discard, max: logQueueBytes, report: reportPlainly, wake: make(chan struct{}, 1)}
	q.Write(bytes.Repeat([]byte("x"), logQueueBytes))
	spare := q.flush(nil)
	if kept := cap(spare) + cap(q.pending); kept > 2*logQueueKeep {
		t.Errorf("%d bytes kept", kept)
	}
}

// TestHandlerHidesNothing: the formats write every attribute as it is. Whoever
// logs must leave the query out, for nobody does so afterwards.
func TestHandlerHidesNothing(t *testing.T) {
	for _, format := range []logFormat{"text", "json"} {
		var out bytes.Buffer
		log := slog.New(newHandler(&out, format, logLevel(slog.LevelInfo)))
		log.Info("closed", "path", "/jmap/ws%2F", "reason", "eof")
		log.Debug("below the level")
		got := out.String()
		if !strings.Contains(got, "/jmap/ws%2F") || !strings.Contains(got, "eof") {
			t.Errorf("%s: attributes changed: %s", format, got)
		}
		if strings.Count(got, "\n") != 1 {
			t.Errorf("%s: not one line: %q", format, got)
		}
	}
}
