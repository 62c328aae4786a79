//go:build linux

package proxy_test

import (
	"path/filepath"
	"testing"
)

func TestParse(t *testing.T) {
	fs, _ := filepath.Glob("testdata/wire/*.txt")
	n := 0
	seen := map[string]bool{}
	for _, f := range fs {
		ss, err := readStories(f)
		if err != nil {
			t.Error(err)
		}
		n += len(ss)
		for _, s := range ss {
			if seen[s.name] {
				t.Error("dup", s.name)
			}
			seen[s.name] = true
		}
	}
	t.Log(n)
}
