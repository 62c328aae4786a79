package proxy

import "time"

// sock is a connected socket in blocking style: what an exchange reads and writes.
// One goroutine may read while another writes; deadlines may be set by any.
type sock interface {
	Read(p []byte) (int, error) // io.EOF at the end of the stream
	Write(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	CloseWrite() error // sends a FIN
	Close() error
	Reset() // closes with a reset: what was sent must not look complete

	// Quiet says whether the peer has neither sent anything nor closed.
	Quiet() bool
}

// past is a deadline that ends every wait at once.
var past = time.Unix(1, 0)

// deadline is d from now; none for a limit that is off.
func deadline(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}
