package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// findChromium skips the test where there is none.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium here: apt-get install chromium")
	return ""
}

// program is a running `wssplice demo` and what it printed.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	page string // http://host:port/
	stop func() // as Ctrl-C; it must then exit with 0

	mu   sync.Mutex
	text strings.Builder
}

var pageLine = regexp.MustCompile(`the page\s+(http://\S+/)\n`)

// start builds wssplice from the tree that this module lies in, and runs its demo.
func start(t *testing.T) *program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "wssplice")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..") // the main module: this one does not contain it
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build wssplice: %v\n%s", err, out)
	}
	p := &program{t: t, cmd: exec.Command(binary, "demo", "--listen", "127.0.0.1:0")}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() {
		p.cmd.Process.Signal(os.Interrupt)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("wssplice demo ended with %v:\n%s", err, p)
		}
	})
	t.Cleanup(p.stop)
	p.await("Ctrl-C stops")
	m := pageLine.FindStringSubmatch(p.String())
	if m == nil {
		t.Fatalf("no address of the page in:\n%s", p)
	}
	p.page = m[1]
	return p
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *program) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits until each of texts has been printed, in that order.
func (p *program) await(texts ...string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		rest, found := p.String(), true
		for _, text := range texts {
			var ok bool
			_, rest, ok = strings.Cut(rest, text)
			found = found && ok
		}
		if found {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("want %q in:\n%s", texts, p)
		}
	}
}
