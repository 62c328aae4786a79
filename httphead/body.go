package httphead

import "math"

// Body is the framing of one message body: it tells which of the bytes that arrive belong to it.
// It keeps no bytes and no pointers, so that a connection can hold it as a plain value. The zero
// Body is that of a message without one, and done.
type Body struct {
	rest    int64 // of Content-Length, or of the data of a chunk
	excess  int32 // octets of chunk extensions that no data has outweighed yet
	trailer int32 // octets of the trailer so far
	framing bodyKind
	state   chunkState
	count   uint8    // digits of the chunk size, or octets in name
	name    [17]byte // the trailer field's name so far; a longer one is not guarded
}

type bodyKind uint8

const (
	noBody bodyKind = iota
	lengthBody
	chunkedBody
	closeBody
)

// Body returns the framing of what follows the head (RFC 9112 section 6.3).
func (r *Request) Body() Body {
	switch {
	case r.Chunked:
		return Body{framing: chunkedBody}
	case r.ContentLength > 0:
		return Body{framing: lengthBody, rest: r.ContentLength}
	}
	return Body{}
}

// Body returns the framing of what follows the head of an answer to a request of that method (RFC
// 9112 section 6.3). Whatever the fields say, nothing follows an answer to HEAD, an interim
// answer, 204 and 304.
func (r *Response) Body(method []byte) Body {
	switch {
	case r.Status < 200, r.Status == 204, r.Status == 304, string(method) == "HEAD":
		return Body{}
	case r.Chunked:
		return Body{framing: chunkedBody}
	case r.ContentLength >= 0:
		return Body{framing: lengthBody, rest: r.ContentLength}
	}
	return Body{framing: closeBody}
}

// Done tells whether the body is over. A body until close never is.
func (b *Body) Done() bool {
	switch b.framing {
	case lengthBody:
		return b.rest == 0
	case chunkedBody:
		return b.state == chunkDone
	}
	return b.framing == noBody
}

// UntilClose tells whether the body ends with the connection.
func (b *Body) UntilClose() bool { return b.framing == closeBody }

// Raw returns how many of the coming bytes are body whatever they are: they need not be looked at
// and may be spliced. It is math.MaxInt64 for a body until close, and 0 where Next has to see the
// bytes: between chunks, and at the end.
func (b *Body) Raw() int64 {
	switch b.framing {
	case lengthBody:
		return b.rest
	case chunkedBody:
		if b.state == chunkData {
			return b.rest
		}
	case closeBody:
		return math.MaxInt64
	}
	return 0
}

// Skip takes note that n bytes went by unseen. It panics if n is more than Raw: then bytes of the
// next message are gone already.
func (b *Body) Skip(n int64) {
	if n < 0 || n > b.Raw() {
		panic("httphead: more bytes skipped than the body was certain of")
	}
	if b.framing == closeBody {
		return
	}
	b.rest -= n
	if b.framing == chunkedBody && b.rest == 0 && b.state == chunkData {
		b.state = chunkDataCR
	}
}

// Next returns how many bytes at the start of p belong to the body, framing included: all of p,
// or fewer if the body ends within. With an error n counts the bytes before the wrong one; the
// body has no end then, and the connection has to close.
func (b *Body) Next(p []byte) (n int, err error) {
	switch b.framing {
	case lengthBody:
		n = int(min(int64(len(p)), b.rest))
		b.rest -= int64(n)
		return n, nil
	case chunkedBody:
		return b.nextChunked(p)
	case closeBody:
		return len(p), nil
	}
	return 0, nil
}
