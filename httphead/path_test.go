package httphead

import (
	"strings"
	"testing"
)

func TestAllowPath(t *testing.T) {
	recipe, err := NewAllow([]string{"/jmap", "/.well-known/"})
	if err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{
		"/jmap": true, "/jmap/": true, "/jmap/ws": true, "/jmap/ws/": true, "/jmap//ws": true, "/.well-known/jmap": true, "/.well-known": true,
		"/jmap/a/../ws": true, "/jmap/./ws": true, "/jmap/a%20b": true, "/jmap/a%2Fb": true, "/jmap/download/x/y/100%25.pdf": true, "/jmap/a;b=c": true,
		"/jmap/...": true, "/jmap/..a": true, "/jmap/.hidden": true, "/jmap/a.b": true, "/jmap/%2e": true, "/jmap/%2541": true, "/jmap/a\\b": true, "/jmap/\xc3\xa4": true, "/jmap/%c3%a4": true,
		"/jmap/a/b/%2e%2e/c": true, "/jmap/%25252541": false, "/jmap/%252541": true,

		"": false, "/": false, "*": false, "/jmapx": false, "/jma": false, "/JMAP": false, "//jmap": false, "/x": false, "/x/../jmap": false, "/./jmap": false, "/j%6dap": false, "/jmap;a/ws": false, "/jmap%2fws": false, "/jmap\\ws": false, "/.well-knownx": false,
		"/jmap/..": false, "/jmap/../": false, "/jmap/../admin": false, "/jmap/./../admin": false, "/jmap//../admin": false, "/jmap/a/../../admin": false, "/jmap/a//../../admin": false,
		"/jmap/%2e%2e/admin": false, "/jmap/.%2E/admin": false, "/jmap/%2e%2e%2fadmin": false, "/jmap/..%2fadmin": false, "/jmap/%252e%252e/admin": false, "/jmap/%25252e./admin": false, "/jmap/%2525252e./admin": false, "/jmap/%252e%252e%252fadmin": false,
		"/jmap/..\\admin": false, "/jmap/\\..\\admin": false, "/jmap/..%5cadmin": false, "/jmap/..%255cadmin": false,
		"/jmap/..;/admin": false, "/jmap/..;a=b/admin": false, "/jmap/..%3b/admin": false, "/jmap/a/..;/..;/admin": false, "/jmap/;a/../admin": false, "/jmap/.;/../admin": false,
		"/jmap/a%2fb/../../..": false, "/jmap/a%2fb/%2e%2e/%2e%2e": false, "/jmap/a\\b/../..": false, "/jmap/.;%2fa/../x": false, "/jmap/%2f/../admin": false,
		"/jmap/..%00/admin": false, "/jmap/a%0d%0ab": false, "/jmap/%c0%ae%c0%ae/admin": false,
		// A reading that decodes once leaves, although one that decodes twice comes back.
		"/jmap/%2e%2e/secret/%252e%252e/jmap/x": false, "/jmap/../jmap/x": false,
	} {
		if recipe.Path([]byte(path)) != ok {
			t.Errorf("%q: %v", path, !ok)
		}
	}
	// A path longer than the room on the stack.
	long := "/jmap/" + strings.Repeat("a/", 3000) + strings.Repeat("%2e%2e/", 3000)
	if !recipe.Path([]byte(long)) || recipe.Path([]byte(long+"../x")) {
		t.Error("long path")
	}
}

func TestAllowNested(t *testing.T) {
	a, err := NewAllow([]string{"/a/b", "/a"})
	if err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{"/a/b/../c": true, "/a/b/../../c": false, "/a/bc": true, "/a/b": true} {
		if a.Path([]byte(path)) != ok {
			t.Errorf("%q: %v", path, !ok)
		}
	}
}

func TestAllowEverything(t *testing.T) {
	var zero Allow
	none, err1 := NewAllow(nil)
	root, err2 := NewAllow([]string{"/jmap", "/"})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, a := range []Allow{zero, none, root} {
		for _, path := range []string{"/", "*", "/../x", "/%2e%2e", "/x"} {
			if !a.Path([]byte(path)) {
				t.Errorf("%q", path)
			}
		}
	}
}

func TestNewAllowRefused(t *testing.T) {
	for _, p := range []string{"", "jmap", "*", "/a//b", "//", "/a//", "/./a", "/a/..", "/a%20b", "/a;b", "/a\\b", "/a?b", "/a#b", "/a b", "/\xc3\xa4", "/a\n"} {
		if _, err := NewAllow([]string{"/ok", p}); err == nil {
			t.Errorf("%q is accepted", p)
		} else if !strings.Contains(err.Error(), "allow ") || len(err.Error()) < 30 {
			t.Errorf("%q: %v", p, err)
		}
	}
}
