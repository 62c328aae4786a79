package httphead

import (
	"encoding/binary"
	"math/bits"
)

// Classes of octets; octets holds the sum of those that an octet belongs to.
const (
	isToken  = 1 << iota // tchar, RFC 9110 section 5.6.2
	isPath               // may stand in a path as it is: visible ASCII but for # ? %
	isQuery              // may stand in a query as it is: visible ASCII but for #
	isHost               // unreserved, sub-delims and %, RFC 3986 section 3.2.2
	isHex                // HEXDIG, either case
	isBase64             // RFC 4648 section 4, without the padding
)

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
)

// octets, folded and nibble are tables that nothing writes to once they are made.
var (
	octets = classes()
	folded = folding()
	nibble = nibbles()
)

func classes() (t [256]uint8) {
	for c := byte(0x21); c <= 0x7e; c++ {
		switch c {
		case '#':
		case '?', '%':
			t[c] |= isQuery
		default:
			t[c] |= isQuery | isPath
		}
	}
	mark := func(class uint8, set string) {
		for i := range len(set) {
			t[set[i]] |= class
		}
	}
	mark(isToken, "!#$%&'*+-.^_`|~"+digits+upper+lower)
	mark(isHost, "-._~!$&'()*+,;=%"+digits+upper+lower)
	mark(isHex, digits+"abcdefABCDEF")
	mark(isBase64, "+/"+digits+upper+lower)
	return t
}

func folding() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for i := range len(upper) {
		t[upper[i]] = lower[i]
	}
	return t
}

func nibbles() (t [256]byte) {
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = byte(10+i), byte(10+i)
	}
	return t
}

func has(c byte, class uint8) bool { return octets[c]&class != 0 }

// run returns the first index from i on whose octet is not of the class, or len(b).
func run(b []byte, i int, class uint8) int {
	for i < len(b) && octets[b[i]]&class != 0 {
		i++
	}
	return i
}

// Eight copies of an octet that the search of control looks for, one for each octet of a word.
const (
	eachOne  = 0x0101010101010101
	eachSP   = 0x20 * eachOne
	eachDEL  = 0x7f * eachOne
	eachHigh = 0x80 * eachOne
)

// control returns the first index from i on of a control octet other than HTAB, or len(b).
// It looks at eight octets at once: a subtraction borrows only from an octet that is a hit, so
// what it says about the lowest hit of a word is exact, and no more than that is used.
func control(b []byte, i int) int {
	for i < len(b) {
		if i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			del := w ^ eachDEL
			hits := ((w-eachSP)&^w | (del-eachOne)&^del) & eachHigh
			if hits == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hits) >> 3
		} else if b[i] >= ' ' && b[i] != 0x7f {
			i++
			continue
		}
		if b[i] != '\t' {
			return i
		}
		i++
	}
	return len(b)
}

// fold tells whether b is the word in any case. The word is in lower case.
func fold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(word) {
		if folded[b[i]] != word[i] {
			return false
		}
	}
	return true
}

// foldName is fold for a name of any case, and foldBytes for one in bytes.
func foldName(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i := range len(name) {
		if folded[b[i]] != folded[name[i]] {
			return false
		}
	}
	return true
}

func foldBytes(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if folded[a[i]] != folded[b[i]] {
			return false
		}
	}
	return true
}

// trim cuts OWS off both ends (RFC 9110 section 5.6.3). What is left is never nil unless b is.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// element returns the first element of a comma-separated list without its OWS, and the list
// behind its comma: nil behind the last. Empty elements count for nothing (RFC 9110 section 5.6.1.2).
func element(list []byte) (first, rest []byte) {
	for i := range list {
		if list[i] == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}

// unescape reads the octet at b[i], which may be a percent escape, and returns the index behind it: 0 if the escape is malformed.
func unescape(b []byte, i int) (c byte, next int) {
	if b[i] != '%' {
		return b[i], i + 1
	}
	if i+2 >= len(b) || !has(b[i+1], isHex) || !has(b[i+2], isHex) {
		return 0, 0
	}
	return nibble[b[i+1]]<<4 | nibble[b[i+2]], i + 3
}
