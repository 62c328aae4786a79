//go:build linux

package proxy_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// namespaceVar tells a process of alone's that it is one.
const namespaceVar = "WSSPLICE_TEST_NAMESPACE"

// alone runs the test that calls it again, in a process whose network is its own:
// nothing but loopback, and as few local ports as the test says. It returns true
// there, and false here, when that has run.
func alone(t *testing.T, ports string) bool {
	t.Helper()
	if os.Getenv(namespaceVar) != "" {
		if err := furnish(ports); err != nil {
			t.Fatal("set the namespace up:", err)
		}
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceVar+"=1")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this system lets no network namespace be made:", err)
	}
	if err == nil {
		err = cmd.Wait()
	}
	switch text := out.String(); {
	case err != nil:
		t.Fatalf("in a namespace: %v\n%s", err, text)
	case strings.Contains(text, "--- SKIP"):
		t.Skipf("in a namespace:\n%s", text)
	case !strings.Contains(text, "--- PASS: "+t.Name()+" "):
		t.Fatalf("in a namespace the test did not run:\n%s", text)
	}
	return false
}

// furnish brings loopback up and sets the range of local ports.
func furnish(ports string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(ports), 0)
}

// name has the process's resolver, which must be alone's, find addresses for names.
func name(t *testing.T, hosts string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(file, "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		t.Fatal("put another file in the place of /etc/hosts:", err)
	}
	t.Cleanup(func() { unix.Unmount("/etc/hosts", unix.MNT_DETACH) })
}
