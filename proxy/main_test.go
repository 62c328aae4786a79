//go:build linux

package proxy_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

// limit is how long a test waits for what must come: only a broken program
// makes anything wait that long.
const limit = 20 * time.Second

// TestMain fails the package if a descriptor or a goroutine outlives its tests,
// or if the log of all of them holds the canary.
func TestMain(m *testing.M) {
	// The runtime's poller keeps its own descriptors for good: have them open
	// before the first count.
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
	before := inventory()
	code := m.Run()
	if err := back(before); err != nil {
		fmt.Fprintln(os.Stderr, "after all tests:", err)
		code = max(code, 1)
	}
	if line := logs.find(canary); line != "" {
		fmt.Fprintf(os.Stderr, "the log holds the canary: %s\n", line)
		code = max(code, 1)
	}
	os.Exit(code)
}

// held is what a process holds: its goroutines and its descriptors.
type held struct {
	goroutines int
	files      map[string]string // /proc/self/fd
}

func inventory() held {
	h := held{goroutines: runtime.NumGoroutine(), files: map[string]string{}}
	// The directory itself is one of its entries; it is gone when Readlink looks.
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			h.files[e.Name()] = to
		}
	}
	return h
}

// back waits until the process holds no more than it did.
func back(before held) error {
	var now held
	if eventually(func() bool {
		runtime.GC() // the standard library's pipes are closed by a finalizer
		now = inventory()
		return now.goroutines <= before.goroutines && len(now.files) <= len(before.files)
	}) {
		return nil
	}
	if now.goroutines > before.goroutines {
		return fmt.Errorf("%d goroutines, %d before; %s", now.goroutines, before.goroutines, goroutines())
	}
	var extra []string
	for n, to := range now.files {
		if before.files[n] != to {
			extra = append(extra, n+" "+to)
		}
	}
	return fmt.Errorf("%d descriptors, %d before: %s", len(now.files), len(before.files), strings.Join(extra, ", "))
}

// eventually waits until what holds, and says whether it came to that.
func eventually(what func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if what() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func goroutines() string {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}

// canary begins every secret of these tests.
const canary = "Canary7Q"

// logs takes the log of every proxy of these tests.
var logs logBuffer

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logger is a logger into l, or into logs if l is nil.
func (l *logBuffer) logger() *slog.Logger {
	if l == nil {
		l = &logs
	}
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// find returns the first line that holds secret as it is, percent-encoded, in
// hexadecimal or within something in base64; "" if there is none.
func (l *logBuffer) find(secret string) string {
	for line := range strings.Lines(l.String()) {
		for _, form := range forms(secret) {
			if strings.Contains(line, form) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// forms are the ways in which a text may have been written down.
func forms(secret string) []string {
	var percent, upper strings.Builder
	for _, c := range []byte(secret) {
		fmt.Fprintf(&percent, "%%%02x", c)
		fmt.Fprintf(&upper, "%%%02X", c)
	}
	all := []string{secret, percent.String(), upper.String(), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)}
	// Within a longer text, base64 looks in one of three ways, by the position
	// modulo three; the characters at the ends depend on the neighbours.
	for shift := range 3 {
		enc := base64.StdEncoding.EncodeToString([]byte("xx"[:shift] + secret))
		first := (shift*8 + 5) / 6
		whole := (shift + len(secret)) * 8 / 6
		all = append(all, enc[first:whole])
	}
	return all
}
