package httphead

import "fmt"

// UpgradeKind tells whether a request asks to change the protocol, and to what.
type UpgradeKind uint8

const (
	// NoUpgrade is a request without an Upgrade field.
	NoUpgrade UpgradeKind = iota
	// WebSocket is an Upgrade with websocket among its protocols.
	WebSocket
	// OtherUpgrade is an Upgrade to anything else, h2c say. It is a plain request once AppendPlain took the field out.
	OtherUpgrade
)

// Request is the head of a request. Its slices are parts of the parsed bytes and are good for as
// long as these are. It may be parsed into again and again and then allocates nothing.
type Request struct {
	Method, Target []byte
	Path, Query    []byte // Target up to its first '?' and behind it
	HasQuery       bool   // Target has a '?'
	Minor          int    // 1 in HTTP/1.1, 0 in HTTP/1.0
	Line           []byte // the request line with its CRLF
	Fields         []Field
	ContentLength  int64 // -1 without the field
	Chunked        bool
	Upgrade        UpgradeKind
	Expect100      bool // Expect: 100-continue in HTTP/1.1
	Close          bool // Connection has the option close
	KeepAlive      bool // Connection has the option keep-alive

	head           []byte
	key, version   []byte
	keys, versions int
	authorizations int
	option         bool // Connection has the option upgrade
}

// Parse reads one complete head, buf[:n] with the n that End returned. On an error r holds nothing of use.
func (r *Request) Parse(head []byte, lim Limits) error {
	*r = Request{Fields: r.Fields[:0], head: head}
	if len(head) > lim.bytes() {
		return ErrTooLong
	}
	if !ends(head) {
		return ErrUnfinished
	}
	i, err := r.parseLine(head)
	if err != nil {
		return err
	}
	fr := framing{length: -1}
	hosts, limit := 0, lim.fields()
	// A line ends at the first CR LF behind its beginning, so the loop cannot miss the empty line.
	for i < len(head)-2 {
		if len(r.Fields) == limit {
			return ErrTooManyFields
		}
		r.Fields = append(r.Fields, Field{})
		f := &r.Fields[len(r.Fields)-1]
		if i, err = f.parse(head, i); err != nil {
			return err
		}
		f.known = identify(f.Name)
		switch f.known {
		case unknown:
			if twin(f.Name) {
				err = ErrTwin
			}
		case hostField:
			if hosts++; hosts > 1 {
				err = ErrHostRepeated
			} else if !validHost(f.Value) {
				err = ErrHost
			}
		default:
			err = r.note(f, &fr)
		}
		if err != nil {
			return err
		}
	}
	if hosts == 0 && r.Minor == 1 {
		return ErrNoHost
	}
	return r.conclude(&fr)
}

// note takes in what a known field says.
func (r *Request) note(f *Field, fr *framing) error {
	switch f.known {
	case connectionField:
		return fr.addOptions(f.Value)
	case upgradeField:
		r.noteUpgrade(f.Value)
	case lengthField:
		return fr.addLength(f.Value)
	case encodingField:
		return fr.addEncoding(f.Value)
	case expectField:
		// An HTTP/1.0 client cannot wait for an interim answer (RFC 9110 section 10.1.1).
		r.Expect100 = r.Expect100 || r.Minor == 1 && fold(f.Value, "100-continue")
	case trailerField:
		return checkTrailer(f.Value)
	case authorizationField:
		r.authorizations++
	case keyField:
		r.key = f.Value
		r.keys++
	case versionField:
		r.version = f.Value
		r.versions++
	}
	return nil
}

// noteUpgrade looks for websocket among the protocols of an Upgrade field (RFC 9110 section 7.8).
func (r *Request) noteUpgrade(list []byte) {
	if r.Upgrade == NoUpgrade {
		r.Upgrade = OtherUpgrade
	}
	for rest := list; rest != nil; {
		var protocol []byte
		if protocol, rest = element(rest); fold(protocol, "websocket") {
			r.Upgrade = WebSocket
		}
	}
}

// conclude judges what only all fields together can tell.
func (r *Request) conclude(fr *framing) error {
	if err := fr.check(r.Minor); err != nil {
		return err
	}
	if fr.stranger && names(r.Fields) {
		return ErrOptionField
	}
	if r.Upgrade == WebSocket && !fr.upgrade {
		return ErrUpgradeOption
	}
	r.ContentLength, r.Chunked = fr.length, fr.chunked
	r.Close, r.KeepAlive, r.option = fr.close, fr.keep, fr.upgrade
	return nil
}

// Get returns the value of the first field of that name, in any case, and how many fields bear it.
func (r *Request) Get(name string) (value []byte, count int) { return get(r.Fields, name) }

// Format writes the method and the path, whatever the verb: a request that gets into a log line or
// an error by mistake shows neither query nor fields, as a token may be in both.
func (r Request) Format(s fmt.State, verb rune) { fmt.Fprintf(s, "%s %s", r.Method, r.Path) }

// Persistent tells whether the client will use the connection again (RFC 9112 section 9.3).
func (r *Request) Persistent() bool {
	return !r.Close && (r.Minor == 1 || r.KeepAlive)
}

// HasBody tells whether a body of at least one octet, or a chunked one, follows the head.
func (r *Request) HasBody() bool { return r.Chunked || r.ContentLength > 0 }

// validHost judges a Host: uri-host [":" port], RFC 9110 section 7.2. Empty is allowed, for a
// target without an authority. Userinfo is not, nor anything that would end a host elsewhere.
func validHost(host []byte) bool {
	i := 0
	if len(host) > 0 && host[0] == '[' {
		i = 1
		for i < len(host) && (has(host[i], isHost) || host[i] == ':') {
			i++
		}
		if i == 1 || i == len(host) || host[i] != ']' {
			return false
		}
		i++
	} else {
		i = run(host, 0, isHost)
	}
	if i == len(host) {
		return true
	}
	if host[i] != ':' {
		return false
	}
	for i++; i < len(host); i++ {
		if host[i] < '0' || host[i] > '9' {
			return false
		}
	}
	return true
}
