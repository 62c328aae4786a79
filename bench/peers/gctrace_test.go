package peers

import (
	"testing"
	"time"
)

func TestTraceIsReadOutOfWhatIsPrinted(t *testing.T) {
	const printed = "level=WARN msg=\"gc 1 @: nothing of it\"\n" +
		"gc 1 @0.017s 5%: 0.091+1.5+0.004 ms clock, 0.18+0.1/0.9/0+0.008 ms cpu, 3->3->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P\n" +
		"gc 2 @2.017s 0%: 0.020+1.5+0.200 ms clock, 0.04+0/0.9/1.0+0.4 ms cpu, 6->6->5 MB, 7 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)\n" +
		"gc 3 @3.0s 0%: cut"
	var g gcTrace
	for i := range len(printed) {
		if _, err := g.Write([]byte{printed[i]}); err != nil {
			t.Fatal(err)
		}
	}
	want := Collections{Cycles: 2, Pause: 200 * time.Microsecond, CPU: 3528 * time.Microsecond, Heap: 5 << 20}
	if got := g.collections(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
