package main

import (
	"net"
	"runtime"
	"strings"
	"testing"
)

// TestExitCodes runs the program as a process and looks at all that a script sees.
func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()

	for _, tc := range []struct {
		name           string
		env            []string
		args           []string
		code           int
		stdout, stderr string // a part of each; empty: nothing at all there
	}{
		{"help", nil, []string{"--help"}, 0, "Exit status:", ""},
		{"help as a command", nil, []string{"help"}, 0, "Exit status:", ""},
		{"help of a command", nil, []string{"check", "-h"}, 0, "Exit status:", ""},
		{"version", nil, []string{"version"}, 0, runtime.Version(), ""},
		{"version as a flag", nil, []string{"--version"}, 0, runtime.GOOS + "/" + runtime.GOARCH, ""},
		{"nothing", nil, nil, 2, "", "--upstream is missing"},
		{"unknown flag", nil, []string{"--frob"}, 2, "", "--frob"},
		{"no unit", nil, []string{"--upstream", "http://127.0.0.1:1", "--dial-timeout", "5"}, 2, "", "500ms, 30s"},
		{"no unit in a variable", []string{"WSSPLICE_DIAL_TIMEOUT=5"}, []string{"--upstream", "http://127.0.0.1:1"}, 2, "", "WSSPLICE_DIAL_TIMEOUT"},
		{"check", nil, []string{"check", "--upstream", "http://127.0.0.1:1", "--listen", addr}, 0, "The configuration is valid.", ""},
		{"check by variable", []string{"WSSPLICE_UPSTREAM=http://127.0.0.1:1"}, []string{"check"}, 0, "http://127.0.0.1:1", ""},
		{"check a typo", []string{"WSSPLICE_LISTN=:1"}, []string{"check", "--upstream", "http://127.0.0.1:1"}, 0, "is valid", "WSSPLICE_LISTEN"},
		{"check nonsense", nil, []string{"check", "--upstream", "http://127.0.0.1:1", "--loops", "x"}, 2, "", "--loops"},
		{"listen address taken", nil, []string{"--upstream", "http://127.0.0.1:1", "--admin=", "--listen", addr}, 1, "", "address already in use"},
		{"admin address taken", nil, []string{"--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin", addr}, 1, "", "--admin"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, stdout, stderr := call(t, tc.env, tc.args...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, stream := range []struct{ name, got, want string }{{"output", stdout, tc.stdout}, {"error", stderr, tc.stderr}} {
				if stream.want == "" && stream.got != "" || !strings.Contains(stream.got, stream.want) {
					t.Errorf("standard %s lacks %q:\n%s", stream.name, stream.want, stream.got)
				}
			}
		})
	}
}
