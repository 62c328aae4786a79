package httphead

import "math"

// Field is one field line. All its slices are parts of the parsed head.
type Field struct {
	Name  []byte
	Value []byte // without the blanks around it
	Line  []byte // the whole line with its CRLF

	known known
}

// known says which of the fields that this package acts on a field is.
type known uint8

const (
	unknown known = iota
	hostField
	connectionField
	upgradeField
	keepAliveField
	lengthField
	encodingField
	trailerField
	expectField
	authorizationField
	settingsField // HTTP2-Settings, RFC 7540 section 3.2.1
	keyField
	versionField
	acceptField
	typeField
)

// identify finds out which field a name is. Lengths tell nearly all names apart before an octet is compared.
func identify(name []byte) known {
	switch len(name) {
	case 4:
		return ifFold(name, "host", hostField)
	case 6:
		return ifFold(name, "expect", expectField)
	case 7:
		if fold(name, "upgrade") {
			return upgradeField
		}
		return ifFold(name, "trailer", trailerField)
	case 10:
		if fold(name, "connection") {
			return connectionField
		}
		return ifFold(name, "keep-alive", keepAliveField)
	case 12:
		return ifFold(name, "content-type", typeField)
	case 13:
		return ifFold(name, "authorization", authorizationField)
	case 14:
		if fold(name, "content-length") {
			return lengthField
		}
		return ifFold(name, "http2-settings", settingsField)
	case 17:
		if fold(name, "sec-websocket-key") {
			return keyField
		}
		return ifFold(name, "transfer-encoding", encodingField)
	case 20:
		return ifFold(name, "sec-websocket-accept", acceptField)
	case 21:
		return ifFold(name, "sec-websocket-version", versionField)
	}
	return unknown
}

func ifFold(name []byte, word string, k known) known {
	if fold(name, word) {
		return k
	}
	return unknown
}

// twin tells whether a name is that of a framing field with an underscore for the hyphen. CGI and
// everything in its tradition names both HTTP_CONTENT_LENGTH, and takes either (RFC 3875 section 4.1.18).
func twin(name []byte) bool {
	switch len(name) {
	case 14:
		return name[7] == '_' && fold(name[:7], "content") && fold(name[8:], "length")
	case 17:
		return name[8] == '_' && fold(name[:8], "transfer") && fold(name[9:], "encoding")
	}
	return false
}

// guarded tells whether a name may not be used for anything but a field of the head: it frames
// the message, routes it or authorizes it. An underscore counts as a hyphen. RFC 9110 section
// 6.5.1 forbids these in a trailer; servers exist that merge trailers into the head.
func guarded(name []byte) bool {
	switch identify(name) {
	case hostField, connectionField, upgradeField, lengthField, encodingField, trailerField, authorizationField:
		return true
	}
	return twin(name)
}

// parse reads the line at head[i:] and returns the index behind it. The head ends with an empty
// line, so i is inside of it.
func (f *Field) parse(head []byte, i int) (next int, err error) {
	j := run(head, i, isToken)
	switch c := head[j]; {
	case c == ':' && j > i:
	case c == ':':
		return 0, ErrNoName
	case c == ' ' || c == '\t':
		if j == i {
			return 0, ErrFold
		}
		return 0, ErrNameSpace
	case c == '\r' && j == i:
		return 0, ErrUnfinished // an empty line before the last
	case c == '\r' || c == '\n':
		return 0, ErrNoColon
	case c == 0:
		return 0, ErrNUL
	default:
		return 0, ErrName
	}
	k := control(head, j+1)
	if err := eol(head, k); err != nil {
		return 0, err
	}
	f.Name = head[i:j:j]
	f.Value = trim(head[j+1 : k : k])
	f.Line = head[i : k+2 : k+2]
	return k + 2, nil
}

// eol demands that the control octet at head[k] is the end of a line.
func eol(head []byte, k int) error {
	switch {
	case k+1 >= len(head):
		return ErrUnfinished
	case head[k] == '\r' && head[k+1] == '\n':
		return nil
	case head[k] == '\r':
		return ErrBareCR
	case head[k] == '\n':
		return ErrBareLF
	case head[k] == 0:
		return ErrNUL
	}
	return ErrControl
}

// length reads a Content-Length (RFC 9110 section 8.6): digits and nothing else. Lists of equal
// numbers, which the RFC lets a recipient accept, are refused.
func length(value []byte) (int64, error) {
	if len(value) == 0 {
		return 0, ErrLength
	}
	var n int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, ErrLength
		}
		d := int64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, ErrLengthOverflow
		}
		n = n*10 + d
	}
	return n, nil
}

// get finds the fields of a name.
func get(fields []Field, name string) (value []byte, count int) {
	for i := range fields {
		if f := &fields[i]; foldName(f.Name, name) {
			if count == 0 {
				value = f.Value
			}
			count++
		}
	}
	return value, count
}
