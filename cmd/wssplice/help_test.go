package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func helpText(t *testing.T) string {
	t.Helper()
	parser, err := newParser(new(cli), nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	writeHelp(&b, parser.Model)
	return b.String()
}

// TestHelpComplete: each flag of each command has a line of its own, with a text
// and, if it has one, its default.
func TestHelpComplete(t *testing.T) {
	help := helpText(t)
	parser, err := newParser(new(cli), nil)
	if err != nil {
		t.Fatal(err)
	}
	flags := allFlags(parser.Model)
	if len(flags) < 25 {
		t.Fatalf("only %d flags found", len(flags))
	}
	for _, flag := range flags {
		if flag.Help == "" {
			t.Errorf("--%s has no help", flag.Name)
		}
		found := false
		for line := range strings.Lines(help) {
			found = found || strings.HasPrefix(line, "  "+flagName(flag)+" ") &&
				strings.Contains(line, flag.Help) && strings.Contains(line, flag.Default)
		}
		if !found {
			t.Errorf("--%s has no line", flag.Name)
		}
	}
	for _, command := range parser.Model.Children {
		if !command.Hidden && !strings.Contains(help, "wssplice "+command.Name) && !strings.Contains(help, "["+command.Name+"]") {
			t.Errorf("command %s is not in it", command.Name)
		}
	}
	for _, section := range []string{"Listening", "Upstream", "Head", "Limits", "Tunnel", "Observing",
		"Environment", "Signals", "Exit status", "Examples"} {
		if !strings.Contains(help, "\n"+section+":\n") {
			t.Errorf("section %s is not in it", section)
		}
	}
}

func TestHelpWidth(t *testing.T) {
	for line := range strings.Lines(helpText(t)) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helpWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestHelpExamples: what the help tells people to type is accepted.
func TestHelpExamples(t *testing.T) {
	_, examples, ok := strings.Cut(helpText(t), "\nExamples:\n")
	if !ok {
		t.Fatal("no examples")
	}
	for line := range strings.Lines(examples) {
		var env environ
		words := strings.Fields(line)
		for len(words) > 0 && strings.Contains(words[0], "=") {
			env, words = append(env, words[0]), words[1:]
		}
		if len(words) == 0 || words[0] != "wssplice" {
			t.Fatalf("no call of wssplice: %s", line)
		}
		var c cli
		parser, err := newParser(&c, env)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse(words[1:])
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		switch parsed.Command() {
		case "serve":
			_, err = c.Serve.config()
		case "check":
			_, err = c.Check.config()
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
