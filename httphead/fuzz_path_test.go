package httphead

import (
	"net/url"
	"strings"
	"testing"
)

// Whatever a path is, an allowed one does not leave its prefix in the reading of net/url and path,
// decoded once, twice or three times.
func FuzzAllow(f *testing.F) {
	for _, s := range []string{"/jmap/ws", "/jmap/../x", "/jmap/%2e%2e/x", "/jmap/%252e%252e%252fx", "/jmap/a/..;b/%5c../x", "/jmap//../x", "/jmap/%2f/../x", "/jmap/a%2fb/../../.."} {
		f.Add(s)
	}
	allow, err := NewAllow([]string{"/jmap"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !allow.Path([]byte(s)) {
			return
		}
		for range 4 {
			for _, backslash := range []bool{false, true} {
				for _, params := range []bool{false, true} {
					if reading := resolved(s, backslash, params); reading != "/jmap" && !strings.HasPrefix(reading, "/jmap/") {
						t.Fatalf("%q may be read as %q", s, reading)
					}
				}
			}
			if d, err := url.PathUnescape(s); err == nil {
				s = d
			}
		}
	})
}

// resolved reads a path as one kind of server does: dot segments may be encoded, backslashes may
// separate, parameters may be dropped.
func resolved(s string, backslash, params bool) string {
	if backslash {
		s = strings.ReplaceAll(s, "\\", "/")
	}
	var stack []string
	for _, part := range strings.Split(s, "/") {
		if params {
			part, _, _ = strings.Cut(part, ";")
		}
		if d, err := url.PathUnescape(part); err == nil && (d == "." || d == "..") {
			part = d
		}
		switch part {
		case "", ".":
		case "..":
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
			if len(stack) == 0 {
				return "/"
			}
		default:
			stack = append(stack, part)
		}
	}
	return "/" + strings.Join(stack, "/")
}
