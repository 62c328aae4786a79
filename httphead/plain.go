package httphead

// NeedsRewrite tells whether AppendPlain would append anything else than the head as it came.
func (r *Request) NeedsRewrite() bool { return r.Upgrade == OtherUpgrade }

// AppendPlain appends the head of a plain request byte for byte and returns the extended dst. The
// one exception is an upgrade to another protocol than websocket: Upgrade, HTTP2-Settings and the
// options that name them do not go upstream, or a client could lead a server into a protocol that
// nothing here can follow (h2c smuggling).
func (r *Request) AppendPlain(dst []byte) []byte {
	if !r.NeedsRewrite() {
		return append(dst, r.head...)
	}
	dst = append(dst, r.Line...)
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.known {
		case upgradeField, settingsField:
		case connectionField:
			dst = f.appendWithout(dst, "upgrade", "http2-settings")
		default:
			dst = append(dst, f.Line...)
		}
	}
	return append(dst, "\r\n"...)
}

// NeedsRewrite tells whether AppendPlain, without close, would append anything else than the head as it came.
func (r *Response) NeedsRewrite() bool { return r.HasUpgrade && r.Status != 101 }

// AppendPlain appends the head of an answer byte for byte and returns the extended dst, with two exceptions.
//
// An Upgrade in another answer than 101 is a hop-by-hop offer (RFC 9110 section 7.8) that clients
// of an HTTP/2 terminator in front choke on: it is left out, and so is its option.
//
// With close, the connection ends behind the answer: Connection says that and nothing else, and
// Keep-Alive is left out.
func (r *Response) AppendPlain(dst []byte, close bool) []byte {
	strip := r.NeedsRewrite()
	if !strip && !close {
		return append(dst, r.head...)
	}
	dst = append(dst, r.Line...)
	said := !close
	for i := range r.Fields {
		f := &r.Fields[i]
		switch {
		case f.known == upgradeField && strip:
		case f.known == keepAliveField && close:
		case f.known == connectionField && close:
			if !said {
				dst = append(dst, "Connection: close\r\n"...)
				said = true
			}
		case f.known == connectionField && strip:
			dst = f.appendWithout(dst, "upgrade", "upgrade")
		default:
			dst = append(dst, f.Line...)
		}
	}
	if !said {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendWithout appends a Connection line without two of its options. A line that has neither
// stays as it is, and one that has nothing else goes.
func (f *Field) appendWithout(dst []byte, a, b string) []byte {
	found, left := false, 0
	start := len(dst)
	dst = append(append(dst, f.Name...), ": "...)
	for rest := f.Value; rest != nil; {
		var option []byte
		option, rest = element(rest)
		if fold(option, a) || fold(option, b) {
			found = true
			continue
		}
		if len(option) == 0 {
			continue
		}
		if left++; left > 1 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, option...)
	}
	switch {
	case !found:
		return append(dst[:start], f.Line...)
	case left == 0:
		return dst[:start]
	}
	return append(dst, "\r\n"...)
}
