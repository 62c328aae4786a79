package load

import (
	"bytes"
	"testing"
)

func TestFrameAtEverySplit(t *testing.T) {
	for _, masked := range []bool{false, true} {
		for _, size := range []int{minPayload, 125, 126, 200, 16 << 10} {
			frame, err := newFrame(size, masked)
			if err != nil {
				t.Fatal(err)
			}
			want := message{due: 12345, tunnel: 7, sequence: 3}
			seal(frame, size, want)
			for cut := range frame {
				if _, n, err := parseFrame(frame[:cut]); n != 0 || err != nil {
					t.Fatalf("size %d masked %v: %d of %d bytes parsed as a frame of %d, %v", size, masked, cut, len(frame), n, err)
				}
			}
			payload, n, err := parseFrame(append(frame, "more"...))
			if err != nil || n != len(frame) {
				t.Fatalf("size %d masked %v: length %d of %d, %v", size, masked, n, len(frame), err)
			}
			got, err := open(payload)
			if err != nil || got != want {
				t.Fatalf("size %d masked %v: %v, %v", size, masked, got, err)
			}
		}
	}
}

func TestOneWrongBitIsNoticed(t *testing.T) {
	frame, err := newFrame(200, false)
	if err != nil {
		t.Fatal(err)
	}
	seal(frame, 200, message{due: 1, tunnel: 2, sequence: 3})
	for i := 4; i < len(frame); i++ { // behind the frame's head
		bad := bytes.Clone(frame)
		bad[i] ^= 4
		payload, n, err := parseFrame(bad)
		if err != nil || n == 0 {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := open(payload); err == nil {
			t.Fatalf("byte %d was changed and nothing said so", i)
		}
	}
}

func TestPatternTellsEveryShift(t *testing.T) {
	const n = 4096
	for _, shift := range []int64{1, 512, 4096, 65536, 1 << 20, 1 << 30} {
		if matches(patternAt(shift, n), 0) {
			t.Errorf("a block %d bytes further on looks the same", shift)
		}
	}
	if !matches(patternAt(period*3+5, readBuffer), 5) {
		t.Error("the pattern has no period")
	}
}

func TestQuantilesStayWithinTheirPromise(t *testing.T) {
	var h Histogram
	for v := int64(1); v <= 1_000_000; v += 7 {
		h.Add(v)
	}
	for _, q := range []float64{0.01, 0.5, 0.99, 0.999} {
		got, want := float64(h.Quantile(q)), q*1e6
		if got < want*0.97 || got > want*1.01 {
			t.Errorf("quantile %v is %v, not near %v", q, got, want)
		}
	}
	var other Histogram
	other.Add(5_000_000)
	h.Merge(&other)
	if h.Quantile(1) < 4_900_000 {
		t.Errorf("merged maximum is %d", h.Quantile(1))
	}
}
