package load

import "errors"

// chunks takes away the framing of a chunked body (RFC 9112 section 7.1),
// however a proxy has cut it: chunks need not come out as they went in.
type chunks struct {
	left  int64 // bytes of the chunk that are still to come
	state chunkState
	some  bool // digits of the size have been seen
}

type chunkState uint8

const (
	inSize  chunkState = iota
	inExtra            // behind the size, up to the line's end
	inData
	inEnd // the CR LF behind the data
)

var (
	errChunk     = errors.New("chunk size that nobody sent")
	errStreamEnd = errors.New("event stream ended by the proxy")
)

// strip moves the content of b to its beginning and returns it.
func (c *chunks) strip(b []byte) ([]byte, error) {
	out := b[:0]
	for i := 0; i < len(b); {
		if c.state == inData {
			n := int(min(c.left, int64(len(b)-i)))
			out = append(out, b[i:i+n]...)
			i += n
			if c.left -= int64(n); c.left == 0 {
				c.state = inEnd
			}
			continue
		}
		switch v := b[i]; {
		case c.state == inEnd:
			if v == '\n' {
				c.state, c.some = inSize, false
			}
		case v == '\n':
			if !c.some {
				return nil, errChunk
			}
			if c.left == 0 {
				return nil, errStreamEnd
			}
			c.state = inData
		case v == '\r' || v == ';' || c.state == inExtra:
			c.state = inExtra
		default:
			digit := hexDigit(v)
			if digit < 0 || c.left > 1<<40 {
				return nil, errChunk
			}
			c.left, c.some = c.left<<4|digit, true
		}
		i++
	}
	return out, nil
}

func hexDigit(v byte) int64 {
	switch {
	case '0' <= v && v <= '9':
		return int64(v - '0')
	case 'a' <= v && v <= 'f':
		return int64(v-'a') + 10
	case 'A' <= v && v <= 'F':
		return int64(v-'A') + 10
	}
	return -1
}
