package httphead

// Response is the head of an answer. Its slices are parts of the parsed bytes and are good for as
// long as these are. It may be parsed into again and again and then allocates nothing.
type Response struct {
	Minor, Status int
	Reason        []byte
	Line          []byte // the status line with its CRLF
	Fields        []Field
	ContentLength int64 // -1 without the field
	Chunked       bool
	Close         bool // Connection has the option close
	KeepAlive     bool // Connection has the option keep-alive
	HasUpgrade    bool // there is an Upgrade field, whatever it says
	EventStream   bool // Content-Type is text/event-stream, with parameters or without

	head              []byte
	accept            []byte
	accepts, upgrades int
	websocket         bool // an Upgrade field says exactly websocket
	option            bool // Connection has the option upgrade
}

// Parse reads one complete head, buf[:n] with the n that End returned. On an error r holds nothing of use.
func (r *Response) Parse(head []byte, lim Limits) error {
	*r = Response{Fields: r.Fields[:0], head: head}
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
	limit := lim.fields()
	for i < len(head)-2 {
		if len(r.Fields) == limit {
			return ErrTooManyFields
		}
		r.Fields = append(r.Fields, Field{})
		f := &r.Fields[len(r.Fields)-1]
		if i, err = f.parse(head, i); err != nil {
			return err
		}
		if f.known = identify(f.Name); f.known == unknown {
			continue
		}
		if err = r.note(f, &fr); err != nil {
			return err
		}
	}
	if err := fr.check(r.Minor); err != nil {
		return err
	}
	r.ContentLength, r.Chunked = fr.length, fr.chunked
	r.Close, r.KeepAlive, r.option = fr.close, fr.keep, fr.upgrade
	return nil
}

// note takes in what a known field says.
func (r *Response) note(f *Field, fr *framing) error {
	switch f.known {
	case connectionField:
		// Odd options are the server's business: the field goes to the client as it is.
		_ = fr.addOptions(f.Value)
	case upgradeField:
		r.HasUpgrade = true
		r.upgrades++
		r.websocket = fold(f.Value, "websocket")
	case lengthField:
		return fr.addLength(f.Value)
	case encodingField:
		return fr.addEncoding(f.Value)
	case trailerField:
		return checkTrailer(f.Value)
	case acceptField:
		r.accept = f.Value
		r.accepts++
	case typeField:
		r.EventStream = eventStream(f.Value)
	}
	return nil
}

// parseLine reads the status line (RFC 9112 section 4) and returns the index behind it. The space
// before an empty reason is asked for by the RFC and left out by many servers.
func (r *Response) parseLine(head []byte) (next int, err error) {
	const status = len("HTTP/1.1 ")
	end := control(head, 0)
	if err := eol(head, end); err != nil {
		return 0, err
	}
	if end < status+3 {
		return 0, ErrStatusLine
	}
	switch string(head[:status]) {
	case "HTTP/1.1 ":
		r.Minor = 1
	case "HTTP/1.0 ":
	default:
		return 0, ErrStatusLine
	}
	for _, c := range head[status : status+3] {
		if c < '0' || c > '9' {
			return 0, ErrStatusLine
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	if r.Status < 100 || r.Status > 599 {
		return 0, ErrStatus
	}
	if end > status+3 {
		if head[status+3] != ' ' {
			return 0, ErrStatusLine
		}
		r.Reason = head[status+4 : end : end]
	}
	r.Line = head[: end+2 : end+2]
	return end + 2, nil
}

// eventStream tells whether a media type is that of server-sent events.
func eventStream(value []byte) bool {
	for i, c := range value {
		if c == ';' {
			value = trim(value[:i])
			break
		}
	}
	return fold(value, "text/event-stream")
}

// Get returns the value of the first field of that name, in any case, and how many fields bear it.
func (r *Response) Get(name string) (value []byte, count int) { return get(r.Fields, name) }

// Persistent tells whether the server will take another request on the connection (RFC 9112
// section 9.3). A body that ends with the connection overrules it: ask Body.UntilClose too.
func (r *Response) Persistent() bool {
	return !r.Close && (r.Minor == 1 || r.KeepAlive)
}
