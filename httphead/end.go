package httphead

// Limits bounds a head.
type Limits struct {
	// Bytes is the longest head accepted, start line and empty line included. If zero, 16 KiB.
	Bytes int
	// Fields is the largest number of field lines accepted. If zero, 100.
	Fields int
}

func (l Limits) bytes() int {
	if l.Bytes <= 0 {
		return 16 << 10
	}
	return l.Bytes
}

func (l Limits) fields() int {
	if l.Fields <= 0 {
		return 100
	}
	return l.Fields
}

// End looks for the end of the head that buf begins with and returns the head's length with its
// empty line, 0 if there is more to come. seen is how much of buf an earlier call has looked at;
// only what is new, and what straddles, is looked at again.
//
// It returns an error as soon as no further octet could make a head of buf. End knows lines and
// octets only: a head that it delimits may still be refused by Parse.
func End(buf []byte, seen int, lim Limits) (n int, err error) {
	b := buf
	full := len(b) >= lim.bytes()
	if full {
		b = b[:lim.bytes()]
	}
	// The last octet that an earlier call saw may be a CR whose LF is among the new ones. What comes
	// before it was judged, and a LF looks back by itself.
	i := max(seen-1, 0)
	if i == 0 && len(b) > 0 {
		if err := begins(b[0]); err != nil {
			return 0, err
		}
	}
	for {
		i = control(b, i)
		if i == len(b) {
			break
		}
		switch b[i] {
		case '\r':
			if i++; i == len(b) {
				break
			}
			if b[i] != '\n' {
				return 0, ErrBareCR
			}
		case '\n':
			// Only where a call starts between CR and LF.
			if i == 0 || b[i-1] != '\r' {
				return 0, ErrBareLF
			}
		case 0:
			return 0, ErrNUL
		default:
			return 0, ErrControl
		}
		if i == len(b) {
			break
		}
		// b[i] ends a line. Every LF before it in b was found to follow a CR.
		if i >= 2 && b[i-2] == '\n' {
			return i + 1, nil
		}
		i++
	}
	if full {
		return 0, ErrTooLong
	}
	return 0, nil
}

// begins judges the first octet: both kinds of head begin with a token. RFC 9112 section 2.2 lets
// a server skip an empty line before a request; two parsers in a row that differ in this are a
// way to smuggle, and no client of today sends one.
func begins(c byte) error {
	switch {
	case has(c, isToken):
		return nil
	case c == 0x16: // ContentType handshake, RFC 8446 section 5.1
		return ErrTLS
	case c == '\r', c == '\n':
		return ErrEmptyLine
	}
	return ErrFirstOctet
}

// ends tells whether head is one whole head and nothing else: its last line is empty. That no
// other line is follows from the grammar of the lines, none of which can be empty.
func ends(head []byte) bool {
	n := len(head)
	return n >= 4 && head[n-4] == '\r' && head[n-3] == '\n' && head[n-2] == '\r' && head[n-1] == '\n'
}
