//go:build linux && !portable

package proxy

import (
	"testing"
	"unsafe"

	"github.com/wssplice/wssplice/splice"
)

// TestStreamIsSmall holds the figure that the documents give.
func TestStreamIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(stream{}); size > 48 {
		t.Errorf("a stream is %d bytes besides its entry in the loop's table", size)
	}
}

// TestStreamsGiveBack has streams come to every slot, and go: each keeps what is its
// own, and no block is left of them.
func TestStreamsGiveBack(t *testing.T) {
	const slots = 1000
	var all streams
	for n := range slots {
		all.add(splice.Ref(n), stream{keep: n%3 == 0})
	}
	for n := range slots {
		if all.at(splice.Ref(n)).keep != (n%3 == 0) {
			t.Fatalf("the stream in slot %d is another's", n)
		}
	}
	for n := range slots {
		all.remove(splice.Ref(n))
	}
	for i, b := range all.blocks {
		if b != nil {
			t.Errorf("block %d is left, with %d streams", i, b.used)
		}
	}
}
