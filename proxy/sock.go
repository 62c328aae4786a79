package proxy

import "time"

// sock is a connected socket in blocking style: what an exchange reads and writes.
// One goroutine may read while another writes; deadlines may be set by any.
type sock interface {
	Fill(b *inbuf) (int, error) // reads once, behind what is in b; io.EOF at the end of the stream
	// WriteSome waits until something of p can be written, and writes what there is room
	// for: so a time limit is for the next bytes, not for all of p.
	WriteSome(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	CloseWrite() error // sends a FIN
	Close() error
	Reset() // closes with a reset: what was sent must not look complete

	// Quiet says whether the peer has neither sent anything nor closed.
	Quiet() bool
}

// carrier decides which parts of a body go past the program's memory: long ones,
// unless their reader is slow. The zero value is ready.
type carrier struct {
	rest int // bufferfuls to copy before the next try
}

const (
	carryLeast = 64 << 10 // the length from which it is worth it
	carryRest  = 16       // bufferfuls that a slow reader is copied for
)

// try carries up to max bytes from src to dst. With 0 and no error the caller reads.
// moved puts dst's deadline off, see splice.Pipes.Carry.
func (c *carrier) try(p *Proxy, dst, src sock, max int64, moved func()) (n int64, srcErr, dstErr error) {
	if max < carryLeast {
		return 0, nil, nil
	}
	if c.rest > 0 {
		c.rest--
		return 0, nil, nil
	}
	n, slow, srcErr, dstErr := p.carry(dst, src, max, moved)
	if slow {
		c.rest = carryRest
	}
	return n, srcErr, dstErr
}

// limit is a time limit of one direction of a sock, set anew with every read or
// write that may wait. That happens four times a request and a timer is not free, so
// the limit is left alone while it is neither early nor more than an eighth late.
type limit struct {
	until time.Duration // since epoch; 0: not set
}

var epoch = time.Now()

const never = time.Duration(1<<63 - 1)

// due says whether the deadline has to be set, and to what.
func (l *limit) due(d time.Duration) (t time.Time, ok bool) {
	if d <= 0 {
		ok = l.until != never
		l.until = never
		return time.Time{}, ok
	}
	now := time.Since(epoch)
	if l.until >= now+d && l.until <= now+d+d/8 {
		return time.Time{}, false
	}
	l.until = now + d + d/8
	return epoch.Add(l.until), true
}

func (l *limit) read(s sock, d time.Duration) {
	if t, ok := l.due(d); ok {
		s.SetReadDeadline(t)
	}
}

func (l *limit) write(s sock, d time.Duration) {
	if t, ok := l.due(d); ok {
		s.SetWriteDeadline(t)
	}
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
