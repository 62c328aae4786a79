// Package deploy has no code: it is the examples of how wssplice is run, and the tests
// that keep them true.
package deploy

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// program builds wssplice.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wssplice")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/wssplice").CombinedOutput(); err != nil {
		t.Fatalf("build wssplice: %v\n%s", err, out)
	}
	return path
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// output runs cmd and demands success.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

// TestCompose: the flags of the compose file are ones that wssplice takes, and mean
// what the OpenResty recipe's service did.
func TestCompose(t *testing.T) {
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^      - (--\S+)$`).FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		flags = append(flags, m[1])
	}
	said := output(t, exec.Command(program(t), append([]string{"check"}, flags...)...))
	for _, want := range []string{":8080", "http://mail-server:8080", "/jmap and", "/.well-known and", "tunnels stay up to 30s"} {
		if !strings.Contains(said, want) {
			t.Errorf("wssplice check %s does not say %q:\n%s", flags, want, said)
		}
	}
	if grace := seconds(t, "compose.yaml", `stop_grace_period: (\S+)`); grace <= 30*time.Second {
		t.Errorf("containers are killed after %v, before tunnels are closed", grace)
	}
}

// TestComposeIsValid asks Compose itself: the plugin, or the older program.
func TestComposeIsValid(t *testing.T) {
	compose := []string{"docker", "compose"}
	if exec.Command("docker", "compose", "version").Run() != nil {
		compose = []string{"docker-compose"}
		if _, err := exec.LookPath(compose[0]); err != nil {
			missing(t, "docker compose")
		}
	}
	args := append(compose[1:], "-f", "compose.yaml", "config")
	if said := output(t, exec.Command(compose[0], args...)); !strings.Contains(said, "ws-auth-proxy") {
		t.Errorf("the service is not called as the recipe's:\n%s", said)
	}
}

// TestEnvironmentFile: every line of it is a variable that wssplice knows.
func TestEnvironmentFile(t *testing.T) {
	cmd := exec.Command(program(t), "check")
	for line := range strings.Lines(read(t, "wssplice.env")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			cmd.Env = append(cmd.Env, line)
		}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%v\n%s%s", err, said, &stderr)
	}
	if !strings.Contains(string(said), "/.well-known and") {
		t.Errorf("the list of paths was not understood:\n%s", said)
	}
}

// TestUnit: systemd understands the unit, and it ends as wssplice does.
func TestUnit(t *testing.T) {
	if d := seconds(t, "wssplice.service", `TimeoutStopSec=(\S+)`); d <= 30*time.Second {
		t.Errorf("systemd kills after %v, before tunnels are closed", d)
	}
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		missing(t, "systemd-analyze")
	}
	// It demands that the program is there.
	wssplice := program(t)
	unit := filepath.Join(t.TempDir(), "wssplice.service")
	text := strings.ReplaceAll(read(t, "wssplice.service"), "/usr/local/bin/wssplice", wssplice)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "verify", unit).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	err = exec.Command(wssplice, "--upstream", "nonsense").Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(text, "\nRestartPreventExitStatus=2\n") {
		t.Errorf("bad usage ends with %v, which systemd would start again", err)
	}
}

// seconds finds a time of pattern's one group in file.
func seconds(t *testing.T, file, pattern string) time.Duration {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if m == nil {
		t.Fatalf("%s holds no %s", file, pattern)
	}
	d, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}
