package httphead

// framing is what the fields of a head, request or answer, say about the body behind it and the
// connection below it.
type framing struct {
	length   int64 // -1: no Content-Length
	chunked  bool
	close    bool
	keep     bool
	upgrade  bool // the option, not the field
	stranger bool // an option that is none of the hop-by-hop ones
	options  int
}

// maxOptions bounds the work of comparing options with fields. Real heads have one to four.
const maxOptions = 32

// addLength takes note of a Content-Length.
func (f *framing) addLength(value []byte) (err error) {
	if f.length >= 0 {
		return ErrLengthRepeated
	}
	f.length, err = length(value)
	return err
}

// addEncoding takes note of a Transfer-Encoding. Other codings than chunked, and lists with it,
// are for recipients to decode, and differences in how they read them are the classic way to
// smuggle; no browser sends them and no mail server answers with them.
func (f *framing) addEncoding(value []byte) error {
	if f.chunked {
		return ErrEncodingRepeated
	}
	if !fold(value, "chunked") {
		return ErrEncoding
	}
	f.chunked = true
	return nil
}

// checkTrailer judges what a Trailer field announces: Body would refuse those fields when they come.
func checkTrailer(list []byte) error {
	for rest := list; rest != nil; {
		var name []byte
		if name, rest = element(rest); guarded(name) {
			return ErrTrailer
		}
	}
	return nil
}

// check judges what is known once every field was read: both framings at once look like smuggling
// (RFC 9112 section 6.3), and Transfer-Encoding in HTTP/1.0 is faulty framing (section 6.1).
func (f *framing) check(minor int) error {
	switch {
	case f.chunked && f.length >= 0:
		return ErrLengthAndEncoding
	case f.chunked && minor == 0:
		return ErrEncoding10
	}
	return nil
}

// addOptions takes note of the options of a Connection field. The error says that one is no token,
// or that they are too many; the others are noted all the same.
func (f *framing) addOptions(list []byte) (err error) {
	for rest := list; rest != nil; {
		var option []byte
		option, rest = element(rest)
		if len(option) == 0 {
			continue
		}
		if f.options++; f.options > maxOptions {
			err = ErrTooManyOptions
		}
		switch {
		case fold(option, "upgrade"):
			f.upgrade = true
		case fold(option, "keep-alive"):
			f.keep = true
		case fold(option, "close"):
			f.close = true
		case hopByHop(option):
		case run(option, 0, isToken) < len(option):
			err = ErrOption
		default:
			f.stranger = true
		}
	}
	return err
}

// hopByHop tells whether a field may be named by Connection: it concerns this connection only, or
// is harmless to a server that takes it out as RFC 9110 section 7.6.1 tells it to.
func hopByHop(option []byte) bool {
	switch len(option) {
	case 2:
		return fold(option, "te")
	case 5:
		return fold(option, "close")
	case 7:
		return fold(option, "upgrade") || fold(option, "trailer")
	case 10:
		return fold(option, "keep-alive")
	case 14:
		return fold(option, "http2-settings")
	case 16:
		return fold(option, "proxy-connection")
	}
	return false
}

// names tells whether Connection names a field of the head that it may not take out: with
// "Connection: Authorization" a client could make a server behind drop what the proxy set.
func names(fields []Field) bool {
	for i := range fields {
		if fields[i].known != connectionField {
			continue
		}
		for rest := fields[i].Value; rest != nil; {
			var option []byte
			option, rest = element(rest)
			if len(option) == 0 || hopByHop(option) {
				continue
			}
			for j := range fields {
				if foldBytes(option, fields[j].Name) {
					return true
				}
			}
		}
	}
	return false
}
