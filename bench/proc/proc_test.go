package proc

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestTreeKnowsItsChildren(t *testing.T) {
	cmd := exec.Command("cat") // waits for its standard input to end
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	own := Tree{os.Getpid()}
	tree := TreeOf(os.Getpid())
	if tree[0] != os.Getpid() || !slices.Contains(tree, cmd.Process.Pid) {
		t.Fatalf("%v lacks child %d", tree, cmd.Process.Pid)
	}
	one, err := own.PSS()
	if err != nil {
		t.Fatal(err)
	}
	both, err := tree.PSS()
	if err != nil {
		t.Fatal(err)
	}
	if one <= 0 || both <= one || tree.CPU() <= 0 || tree.Threads() <= own.Threads() || tree.Descriptors() <= own.Descriptors() {
		t.Errorf("PSS %d of %d, CPU %v, threads %d of %d, descriptors %d of %d", one, both, tree.CPU(),
			own.Threads(), tree.Threads(), own.Descriptors(), tree.Descriptors())
	}
}

func TestMachineIsDescribed(t *testing.T) {
	m := ThisMachine()
	if m.Cores < 1 || m.MemoryGiB < 1 || m.Kernel == "" || m.Descriptors == 0 || m.Ports == "" || m.Congestion == "" {
		t.Errorf("%+v", m)
	}
	if kernel, err := Kernel(); err != nil || kernel <= 0 {
		t.Errorf("kernel memory is %d, %v", kernel, err)
	}
}
