package load

import (
	"bytes"
	"math/rand/v2"
)

// Bulk streams and bodies are one endless pattern. Its period is prime, so that
// a block that is lost, doubled or swapped, whatever power of two its size is,
// puts every byte behind it out of place.
const period = 65521

// pattern holds enough periods for a window of readBuffer bytes at any offset.
var pattern = func() []byte {
	random := rand.NewChaCha8([32]byte{'w', 's', 's', 'p', 'l', 'i', 'c', 'e'})
	once := make([]byte, period)
	_, _ = random.Read(once)
	p := make([]byte, 0, period+readBuffer+period)
	for len(p) < period+readBuffer {
		p = append(p, once...)
	}
	return p
}()

// patternAt is what the stream holds from offset on; n is at most readBuffer.
func patternAt(offset int64, n int) []byte {
	o := int(offset % period)
	return pattern[o : o+n]
}

// matches says whether b is what the stream holds from offset on.
func matches(b []byte, offset int64) bool {
	return bytes.Equal(b, patternAt(offset, len(b)))
}
