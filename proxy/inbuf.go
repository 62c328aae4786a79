package proxy

import (
	"io"
	"sync"
)

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

// room makes room for at least one more byte behind what is there, and for want
// bytes in all. It may move what is there: slices of bytes are void.
func (b *inbuf) room(want int) {
	if size := max(want, bufSize); len(b.buf) < size {
		var next []byte
		if size == bufSize {
			next = bufPool.Get().(*[bufSize]byte)[:]
		} else {
			next = make([]byte, size)
		}
		w := copy(next, b.bytes())
		b.free()
		b.buf, b.w = next, w
	}
	if b.w == len(b.buf) {
		b.w = copy(b.buf, b.bytes())
		b.r = 0
	}
}

// fill reads once from r behind what is there.
func (b *inbuf) fill(r io.Reader) (int, error) {
	b.room(0)
	n, err := r.Read(b.buf[b.w:])
	b.w += n
	return n, err
}

// add appends a copy of p.
func (b *inbuf) add(p []byte) {
	b.room(b.w + len(p))
	b.w += copy(b.buf[b.w:], p)
}

func (b *inbuf) free() {
	if len(b.buf) == bufSize {
		bufPool.Put((*[bufSize]byte)(b.buf))
	}
	*b = inbuf{}
}
