package peers

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryPeerIsNamedOnceAndConfigured(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All {
		if seen[p.Name] || p.Title == "" {
			t.Errorf("peer %q: named twice or without a title", p.Name)
		}
		seen[p.Name] = true
		if _, err := p.Source(); err != nil {
			t.Error(err)
		}
		if p.Direct() {
			continue
		}
		job := Job{
			Listen:   netip.MustParseAddrPort("127.0.0.1:18001"),
			Upstream: netip.MustParseAddrPort("127.0.0.1:18002"),
			Admin:    netip.MustParseAddrPort("127.0.0.1:18003"),
			Dir:      t.TempDir(), Tools: Tools{Wssplice: "wssplice", Bin: "."},
		}
		cmd, err := p.start(job)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		// Either the command line or the file that it names has both addresses.
		text := strings.Join(cmd.Args, " ")
		files, _ := filepath.Glob(filepath.Join(job.Dir, "*"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text += string(b)
		}
		for _, want := range []string{"18001", job.Upstream.String()} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not know %s: %s", p.Name, want, text)
			}
		}
	}
}

func TestFind(t *testing.T) {
	got, err := Find("haproxy,direct")
	if err != nil || len(got) != 2 || got[0].Name != "haproxy" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Find("haproxie"); err == nil || !strings.Contains(err.Error(), "haproxy") {
		t.Errorf("a wrong name gives %v", err)
	}
}
