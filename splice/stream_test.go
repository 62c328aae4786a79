package splice

import "time"

// limit is how long a test waits for what must come: only a broken tunnel makes
// anything wait that long.
const limit = 20 * time.Second

// eventually waits until ok holds, and reports whether it came to hold within limit.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// stream is an endless sequence of bytes, one for each number. Every byte is below
// urgentByte, so that urgent bytes can be told apart.
type stream int

const urgentByte = 0xFF

// period is prime, so that bytes that come twice or out of place show.
const period = 65521

var noise = func() []byte {
	b := make([]byte, period)
	for i := range b {
		h := uint32(i) * 2654435761
		b[i] = byte((h >> 13) % urgentByte)
	}
	return b
}()

func (s stream) fill(p []byte, off int) {
	at := (off + int(s)*7919) % period
	for len(p) > 0 {
		n := copy(p, noise[at:])
		p, at = p[n:], 0
	}
}

func (s stream) bytes(off, n int) []byte {
	p := make([]byte, n)
	s.fill(p, off)
	return p
}
