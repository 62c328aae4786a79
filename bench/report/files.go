package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The README's table stands between these lines.
const (
	Begin = "<!-- bench:begin -->"
	End   = "<!-- bench:end -->"
)

// ErrNoMarkers says that a text has no place for the summary.
var ErrNoMarkers = errors.New("no lines " + Begin + " and " + End)

// Insert puts the summary between the markers of text.
func Insert(text, summary string) (string, error) {
	before, rest, ok := strings.Cut(text, Begin)
	_, after, ok2 := strings.Cut(rest, End)
	if !ok || !ok2 {
		return "", ErrNoMarkers
	}
	return before + Begin + "\n" + summary + End + after, nil
}

// Files are the texts that results turn into, by path below the project's root.
func Files(d Data) map[string]string {
	files := map[string]string{"docs/benchmarks.md": Document(d)}
	for _, p := range plots {
		if svg, ok := p.draw(d); ok {
			files["docs/benchmarks/"+p.file] = svg
		}
	}
	return files
}

// Write writes Files below root, and the README's table if it has the markers.
func Write(d Data, root string) error {
	for name, text := range Files(d) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	readme := filepath.Join(root, "README.md")
	old, err := os.ReadFile(readme)
	if err != nil {
		return fmt.Errorf("read README: %w", err)
	}
	text, err := Insert(string(old), Summary(d))
	if err != nil {
		return fmt.Errorf("put the summary into README.md: %w", err)
	}
	if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write README: %w", err)
	}
	return nil
}
