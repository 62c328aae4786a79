package httphead

// chunkState is what a chunked body (RFC 9112 section 7.1) expects next.
type chunkState uint8

const (
	chunkSize      chunkState = iota // the first digit of a size
	chunkSizeRest                    // a digit, or what ends the size
	chunkExtension                   // an octet of an extension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerLine  // the first octet of a trailer field or of the empty line
	trailerName  // an octet of a name, or the colon
	trailerValue // an octet of a value
	trailerLF
	chunkLastLF
	chunkDone
)

const (
	// maxSizeDigits keeps a chunk size within an int64 without a look at its value.
	maxSizeDigits = 15
	// maxExcess bounds what a sender can make a reader look at for next to no data: octets of
	// extensions beyond those of the data sent so far (compare Go's CVE-2023-39326).
	maxExcess = 8 << 10
	// maxTrailer is the size of the trailer that net/http can read.
	maxTrailer = 4 << 10
)

func (b *Body) nextChunked(p []byte) (n int, err error) {
	for n < len(p) && b.state != chunkDone {
		if b.state == chunkData {
			k := min(int64(len(p)-n), b.rest)
			b.Skip(k)
			n += int(k)
			continue
		}
		if b.state < trailerLine {
			err = b.sizeOctet(p[n])
		} else {
			err = b.trailerOctet(p[n])
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// sizeOctet takes one octet of what stands between the data of two chunks.
func (b *Body) sizeOctet(c byte) error {
	switch b.state {
	case chunkSize, chunkSizeRest:
		switch {
		case has(c, isHex):
			if b.count == maxSizeDigits {
				return ErrChunkTooLarge
			}
			b.count++
			b.rest = b.rest<<4 | int64(nibble[c])
			b.state = chunkSizeRest
			return nil
		case b.state == chunkSize:
			return ErrChunkSize
		}
		b.count = 0
		return b.sizeEnd(c)
	case chunkExtension:
		if b.excess++; b.excess > maxExcess {
			return ErrChunkExtension
		}
		return b.sizeEnd(c)
	case chunkSizeLF:
		if c != '\n' {
			return ErrBareCR
		}
		if b.state = chunkData; b.rest == 0 {
			b.state = trailerLine
		}
		b.excess -= int32(min(int64(b.excess), b.rest))
	case chunkDataCR:
		if c != '\r' {
			return ErrChunkEnd
		}
		b.state = chunkDataLF
	case chunkDataLF:
		if c != '\n' {
			return ErrChunkEnd
		}
		b.state = chunkSize
	}
	return nil
}

// sizeEnd takes an octet behind a chunk size: [ ";" extension ] CRLF. The inside of an extension
// means nothing to a relay, but a line end in it is always the end of the line. The blanks that
// RFC 9112 section 7.1.1 bears with before the semicolon are refused: net/http refuses them too.
func (b *Body) sizeEnd(c byte) error {
	switch {
	case c == '\r':
		b.state = chunkSizeLF
	case c == '\n':
		return ErrBareLF
	case b.state == chunkExtension && (c == '\t' || c >= ' ' && c != 0x7f):
	case b.state == chunkSizeRest && c == ';':
		b.state = chunkExtension
	default:
		return ErrChunkLine
	}
	return nil
}

// trailerOctet takes one octet behind the last chunk: field lines as strict as those of a head,
// then the empty line.
func (b *Body) trailerOctet(c byte) error {
	if b.trailer++; b.trailer > maxTrailer {
		return ErrTrailerTooLong
	}
	switch b.state {
	case trailerLine:
		if c == '\r' {
			b.state = chunkLastLF
			return nil
		}
		b.count = 0
		b.state = trailerName
		if c == ':' {
			return ErrTrailerLine
		}
		return b.nameOctet(c)
	case trailerName:
		if c != ':' {
			return b.nameOctet(c)
		}
		if int(b.count) <= len(b.name) && guarded(b.name[:b.count]) {
			return ErrTrailerField
		}
		b.state = trailerValue
	case trailerValue:
		switch {
		case c == '\r':
			b.state = trailerLF
		case c == '\n':
			return ErrBareLF
		case c != '\t' && (c < ' ' || c == 0x7f):
			return ErrTrailerLine
		}
	case trailerLF, chunkLastLF:
		if c != '\n' {
			return ErrBareCR
		}
		if b.state == chunkLastLF {
			b.state = chunkDone
		} else {
			b.state = trailerLine
		}
	}
	return nil
}

// nameOctet takes an octet of a trailer field's name and keeps it for as long as the name may be a guarded one.
func (b *Body) nameOctet(c byte) error {
	if c == '\n' {
		return ErrBareLF
	}
	if !has(c, isToken) {
		return ErrTrailerLine
	}
	if int(b.count) < len(b.name) {
		b.name[b.count] = c
	}
	if int(b.count) <= len(b.name) {
		b.count++
	}
	return nil
}
