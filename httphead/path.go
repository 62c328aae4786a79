package httphead

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Allow is a list of path prefixes that may pass. The zero Allow lets every path pass.
type Allow struct {
	prefixes []string // without a trailing slash; none: everything
}

// NewAllow makes a list of prefixes. Each begins with '/' and stands for whole segments: /jmap
// allows /jmap, /jmap/ and /jmap/ws, but not /jmapx. A trailing slash means nothing. "/", or no
// prefix at all, allows everything, the * of OPTIONS included.
func NewAllow(prefixes []string) (Allow, error) {
	var a Allow
	all := false
	for _, p := range prefixes {
		if err := checkPrefix(p); err != nil {
			return Allow{}, fmt.Errorf("allow %q: %w", p, err)
		}
		if p = strings.TrimSuffix(p, "/"); p == "" {
			all = true
		}
		a.prefixes = append(a.prefixes, p)
	}
	if all {
		return Allow{}, nil
	}
	return a, nil
}

// checkPrefix demands a prefix that has one reading only.
func checkPrefix(p string) error {
	if !strings.HasPrefix(p, "/") {
		return errors.New("a path prefix begins with a slash, /jmap say")
	}
	for i := range len(p) {
		if !has(p[i], isPath) || p[i] == ';' || p[i] == '\\' {
			return errors.New("a path prefix is plain visible ASCII without % ; \\ ? #")
		}
	}
	for s := range strings.SplitSeq(strings.TrimSuffix(p[1:], "/"), "/") {
		if s == "." || s == ".." || s == "" && p != "/" {
			return errors.New("a path prefix has no empty and no dot segments")
		}
	}
	return nil
}

// Path tells whether a path may pass. It has to begin with a prefix as it was sent, and it must
// not be possible to read it in any of the ways that servers are known to so that it leaves that
// prefix, not even to come back: see escapes.
func (a *Allow) Path(path []byte) bool {
	if len(a.prefixes) == 0 {
		return true
	}
	for _, p := range a.prefixes {
		if len(path) < len(p) || string(path[:len(p)]) != p {
			continue
		}
		rest := path[len(p):]
		if len(rest) > 0 && rest[0] != '/' {
			continue
		}
		if !crooked(rest) || !escapes(rest) {
			return true
		}
	}
	return false
}

// crooked tells whether a path has anything that could make it another one.
func crooked(rest []byte) bool {
	for i, c := range rest {
		switch c {
		case '%', ';', '\\':
			return true
		case '.':
			if rest[i-1] == '/' {
				return true
			}
		}
	}
	return false
}

// maxRounds is how often a path is percent-decoded. One that is not plain then is nobody's honest request.
const maxRounds = 3

// escapes tells whether any reading of rest, the path behind an allowed prefix, climbs out of the
// prefix. Servers differ in whether an encoded slash, a backslash or an encoded backslash is a
// separator, in how often they decode, in whether "..;x" climbs (its parameter dropped) and in
// whether an empty segment is one. So a literal slash is a separator in all readings, the others
// are in some; each segment between literal slashes counts as the least that any reading makes of it.
func escapes(rest []byte) bool {
	var room [512]byte
	flat, ok := decode(append(room[:0], rest...))
	if !ok {
		return true
	}
	depth := 0
	for more := true; more; {
		var segment []byte
		segment, flat, more = bytes.Cut(flat, []byte{'/'})
		if depth += least(segment); depth < 0 {
			return true
		}
	}
	return false
}

// decode percent-decodes b in place until nothing is left to decode; a separator that is not a
// literal slash becomes a backslash. It returns false for a path that holds what no honest one
// does: an encoded control octet, an octet that UTF-8 has no use for but overlong forms of ASCII
// (RFC 3629 section 3), or more than maxRounds layers of encoding.
func decode(b []byte) ([]byte, bool) {
	for range maxRounds {
		n, changed := 0, false
		for i := 0; i < len(b); n++ {
			c, next := unescape(b, i)
			switch {
			case next == 0: // a percent that an earlier round left over
				c, next = b[i], i+1
			case next > i+1:
				changed = true
				if c < ' ' || c == 0x7f || c == 0xc0 || c == 0xc1 {
					return nil, false
				}
				if c == '/' {
					c = '\\'
				}
			}
			b[n], i = c, next
		}
		b = b[:n]
		if !changed {
			return b, true
		}
	}
	for i := range b {
		if _, next := unescape(b, i); next > i+1 {
			return nil, false
		}
	}
	return b, true
}

// least returns the least that any reading of a decoded segment adds to the depth of a path: less
// than nothing if one of its parts climbs, one if its first part is a name, else nothing.
func least(segment []byte) int {
	climbs, name := 0, false
	for i, more := 0, true; more; i++ {
		var part []byte
		part, segment, more = bytes.Cut(segment, []byte{'\\'})
		part, _, _ = bytes.Cut(part, []byte{';'})
		switch string(part) {
		case "..":
			climbs++
		case "", ".":
		default:
			name = name || i == 0
		}
	}
	switch {
	case climbs > 0:
		return -climbs
	case name:
		return 1
	}
	return 0
}
