package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/metrics"
)

// What the documents say of the program is held against the program here.

var update = flag.Bool("update", false, "write the help into README.md")

const (
	root   = "../../"
	readme = root + "README.md"
)

func document(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// between is what stands in a document between the two markers of name.
func between(t *testing.T, file, name string) string {
	t.Helper()
	_, rest, begun := strings.Cut(document(t, file), "<!-- "+name+":begin -->\n")
	part, _, ended := strings.Cut(rest, "<!-- "+name+":end -->")
	if !begun || !ended {
		t.Fatalf("%s has no part named %s", file, name)
	}
	return part
}

func TestReadmeHelp(t *testing.T) {
	want := "```\n" + helpText(t) + "```\n"
	got := between(t, readme, "help")
	if got == want {
		return
	}
	if !*update {
		t.Fatal("README.md shows another help than wssplice --help: go test ./cmd/wssplice -run TestReadmeHelp -update")
	}
	const begin = "<!-- help:begin -->\n"
	text := strings.Replace(document(t, readme), begin+got, begin+want, 1)
	if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReadmeRequest: the head that README.md shows becomes what it says.
func TestReadmeRequest(t *testing.T) {
	var before, after strings.Builder
	for line := range strings.Lines(between(t, readme, "request")) {
		sign, rest := line[0], strings.TrimSuffix(line[1:], "\n")+"\r\n"
		if sign == '-' || sign == ' ' {
			before.WriteString(rest)
		}
		if sign == '+' || sign == ' ' {
			after.WriteString(rest)
		}
	}
	var r httphead.Request
	if err := r.Parse([]byte(before.String()+"\r\n"), httphead.Limits{Bytes: 16 << 10, Fields: 100}); err != nil {
		t.Fatalf("%v:\n%s", err, before.String())
	}
	if err := r.CheckUpgrade(); err != nil {
		t.Fatal(err)
	}
	cred, err := r.Credential(httphead.Params{Token: "access_token", Authorization: "authorization"})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.AppendUpgrade(nil, cred)); got != after.String()+"\r\n" {
		t.Errorf("it becomes\n%s", got)
	}
}

// TestReadmeMetrics: each metric has its row with its labels, and no other has one.
func TestReadmeMetrics(t *testing.T) {
	var got, want []string
	for line := range strings.Lines(between(t, readme, "metrics")) {
		cells := strings.Split(line, "|")
		for _, name := range regexp.MustCompile("wssplice_[a-z_]+").FindAllString(cells[1], -1) {
			labels := regexp.MustCompile("[a-z]+").FindAllString(cells[2], -1)
			got = append(got, name+" "+strings.Join(labels, ","))
		}
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		new(metrics.Collector).Describe(descs)
		close(descs)
	}()
	for d := range descs {
		m := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		want = append(want, m[1]+" "+m[2])
	}
	compare(t, got, want)
}

// TestTroubleshooting: the list has every row of the refusal table, word by word.
func TestTroubleshooting(t *testing.T) {
	var got, want []string
	for line := range strings.Lines(between(t, root+"docs/replacing-openresty.md", "refusals")) {
		if m := regexp.MustCompile("^\\| (\\d+) \\| `(\\w+)` \\| ([^|]+) \\|").FindStringSubmatch(line); m != nil {
			got = append(got, fmt.Sprint(m[1:]))
		}
	}
	row := regexp.MustCompile(`\{([1-9]\d\d), "(\w+)", "(.+)"\}`)
	for _, m := range row.FindAllStringSubmatch(document(t, root+"proxy/close.go"), -1) {
		want = append(want, fmt.Sprint(m[1:]))
	}
	if len(want) < 20 {
		t.Fatalf("found only %d rows in proxy/close.go", len(want))
	}
	compare(t, got, want)
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("the document lacks %q", s)
		}
	}
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("the document has %q, which is not so", s)
		}
	}
}

// TestLinks: the documents' links to files lead to files, and those to headings lead
// to headings.
func TestLinks(t *testing.T) {
	files := []string{readme, root + "SECURITY.md", root + "CHANGELOG.md"}
	more, err := filepath.Glob(root + "docs/*.md")
	if err != nil || len(more) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, file := range append(files, more...) {
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(document(t, file), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, heading, _ := strings.Cut(m[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if heading != "" && !slices.Contains(headings(document(t, target)), heading) {
				t.Errorf("%s links to %s: no such heading", file, m[1])
			}
		}
	}
}

// headings are a document's headings as links name them.
func headings(text string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// TestLogLines: docs/operations.md explains every line that is logged.
func TestLogLines(t *testing.T) {
	operations := document(t, root+"docs/operations.md")
	message := regexp.MustCompile(`(?:\.warn|\.Debug|\.Info|\.Warn|\.Error|\.LogAttrs)\((?:context\.Background\(\), slog\.Level\w+, )?"([^"]+)"`)
	found := 0
	for _, dir := range []string{"proxy", "splice", "metrics", "cmd/wssplice"} {
		files, err := filepath.Glob(root + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range message.FindAllStringSubmatch(document(t, file), -1) {
				found++
				if !strings.Contains(operations, "| `"+m[1]+"` |") {
					t.Errorf("docs/operations.md does not explain %q, which %s logs", m[1], file)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("found only %d lines", found)
	}
}

// TestPromises: the tests that SECURITY.md names are there.
func TestPromises(t *testing.T) {
	var names []string
	for _, pattern := range []string{"*/*_test.go", "*/*/*_test.go"} {
		files, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(document(t, file), -1) {
				names = append(names, m[1])
			}
		}
	}
	stories, err := filepath.Glob(root + "proxy/testdata/wire/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stories {
		names = append(names, "TestWire/"+strings.TrimSuffix(filepath.Base(file), ".txt"))
	}
	promised := regexp.MustCompile("`((?:Test|Fuzz)[^`]+)`").FindAllStringSubmatch(document(t, root+"SECURITY.md"), -1)
	if len(promised) < 20 {
		t.Errorf("SECURITY.md names only %d tests", len(promised))
	}
	for _, m := range promised {
		if !slices.Contains(names, m[1]) {
			t.Errorf("SECURITY.md names %s, which is not there", m[1])
		}
	}
}
