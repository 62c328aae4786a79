package httphead

// parseLine reads the request line (RFC 9112 section 3) and returns the index behind it. The head
// ends with an empty line, so that no index below can run over its end: neither CR nor LF is of
// any class.
func (r *Request) parseLine(head []byte) (next int, err error) {
	i := run(head, 0, isToken)
	if i == 0 {
		return 0, ErrMethod
	}
	if head[i] != ' ' {
		return 0, lineError(head[i], ErrMethod)
	}
	r.Method = head[:i:i]

	start := i + 1
	i, err = r.parseTarget(head, start)
	if err != nil {
		return 0, err
	}
	if i == start || head[i] != ' ' {
		return 0, lineError(head[i], ErrTargetOctet)
	}

	n := len("HTTP/1.1")
	if len(head)-i-1 < n+4 || string(head[i+1:i+6]) != "HTTP/" {
		return 0, r.noVersion()
	}
	version := head[i+1 : i+1+n]
	switch string(version) {
	case "HTTP/1.1":
		r.Minor = 1
	case "HTTP/1.0":
	case "HTTP/2.0":
		return 0, ErrHTTP2
	default:
		return 0, ErrVersion
	}
	i += 1 + n
	if head[i] != '\r' || head[i+1] != '\n' {
		return 0, lineError(head[i], ErrVersion)
	}
	r.Line = head[: i+2 : i+2]
	return i + 2, r.checkTarget()
}

// parseTarget reads the target from head[i:] on and returns the index behind it. '?' and '%' are
// the only octets that need a thought.
func (r *Request) parseTarget(head []byte, i int) (next int, err error) {
	start, path := i, 0
	for {
		i = run(head, i, isPath)
		if head[i] != '%' {
			break
		}
		// Only the path: what an escape in the query means is for its reader, and old clients send raw percents there.
		if _, i = unescape(head, i); i == 0 {
			return 0, ErrPathEscape
		}
	}
	path = i
	if head[i] == '?' {
		i = run(head, i+1, isQuery)
		r.HasQuery = true
		r.Query = head[path+1 : i : i]
	}
	r.Path = head[start:path:path]
	r.Target = head[start:i:i]
	return i, nil
}

// checkTarget demands the origin form, or the asterisk form with OPTIONS (RFC 9112 section 3.2).
// The absolute form carries a second host, which servers weigh differently against Host; browsers
// send it to configured proxies only, and this one is none.
func (r *Request) checkTarget() error {
	switch {
	case fold(r.Method, "connect"):
		return ErrConnect
	case r.Target[0] == '/':
		return nil
	case string(r.Target) == "*" && string(r.Method) == "OPTIONS":
		return nil
	}
	return ErrTargetForm
}

// noVersion names what kind of line has no version at its end.
func (r *Request) noVersion() error {
	if string(r.Method) == "PROXY" {
		return ErrProxyLine
	}
	return ErrRequestLine
}

// lineError is the reason why c cannot stand where it stands in a request line: a blank or an end
// of the line is one too early, everything else is a wrong octet of the part that it stands in.
func lineError(c byte, part Error) error {
	switch c {
	case ' ', '\r':
		return ErrRequestLine
	case '\n':
		return ErrBareLF
	case 0:
		return ErrNUL
	}
	return part
}
