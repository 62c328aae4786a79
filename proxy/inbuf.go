package proxy

import "sync"

// inbuf holds bytes that were read and not consumed yet. Its memory comes from a
// pool, for as long as it is needed.
type inbuf struct {
	buf  []byte
	r, w int
}

var bufPool = sync.Pool{New: func() any { return new([bufSize]byte) }}

func (b *inbuf) len() int      { return b.w - b.r }
func (b *inbuf) bytes() []byte { return b.buf[b.r:b.w] }

// consume takes the first n bytes away. Slices of bytes stay good until room or fill.
func (b *inbuf) consume(n int) {
	b.r += n
	if b.r == b.w {
		b.r, b.w = 0, 0
	}
}

func (b *inbuf) drop() { b.r, b.w = 0, 0 }

// room makes room for at least one more byte behind what is there, as long as that
// is less than most bytes. It may move what is there: slices of bytes are void.
func (b *inbuf) room(most int) {
	switch {
	case b.buf == nil:
		b.buf = bufPool.Get().(*[bufSize]byte)[:]
	case b.w < len(b.buf):
	case b.r > 0:
		b.w = copy(b.buf, b.bytes())
		b.r = 0
	case len(b.buf) < most: // a head larger than any that is usual
		next := make([]byte, most)
		w := copy(next, b.bytes())
		b.release()
		b.buf, b.w = next, w
	}
}

// free is the room behind what is there. It is not empty: whoever lets unconsumed
// bytes pile up calls room with the most there may be.
func (b *inbuf) free() []byte {
	b.room(0)
	return b.buf[b.w:]
}

// add appends a copy of p.
func (b *inbuf) add(p []byte) {
	b.room(0)
	for len(b.buf)-b.w < len(p) {
		n := copy(b.buf[b.w:], p)
		b.w += n
		p = p[n:]
		b.room(b.len() + len(p))
	}
	b.w += copy(b.buf[b.w:], p)
}

// release gives the memory back, and with it what is in it.
func (b *inbuf) release() {
	if len(b.buf) == bufSize {
		bufPool.Put((*[bufSize]byte)(b.buf))
	}
	*b = inbuf{}
}
