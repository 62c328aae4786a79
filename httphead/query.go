package httphead

import "bytes"

// Params names the query parameters that hold a credential. An empty name turns that one off.
type Params struct {
	// Token is a parameter whose value is a Bearer token, access_token say (RFC 6750 section 2.3).
	Token string
	// Authorization is a parameter whose value is that of the whole Authorization field.
	Authorization string
}

// CredentialKind tells what the query holds.
type CredentialKind uint8

const (
	// NoCredential is a query without a credential; an empty parameter may be there to be cut.
	NoCredential CredentialKind = iota
	// Token is a Bearer token.
	Token
	// Authorization is a whole field value, Basic or Bearer.
	Authorization
)

// Credential says where in the query of a request a credential stands. It holds places and no
// bytes, so it cannot spill the token, and belongs to the request that it was found in.
type Credential struct {
	Kind CredentialKind

	value, end int // Query[value:end], still encoded
	cut, upto  int // Query[cut:upto] goes, with its separator
	all        bool
}

// Cut tells whether the target changes on its way upstream.
func (c Credential) Cut() bool { return c.all || c.upto > c.cut }

// Credential finds the credential in the query.
//
// Parameters are split at '&' only and their names compared after percent-decoding, so that no
// spelling of a name slips past. A token is percent-decoded and '+' stays '+', as it is part of
// the alphabet of tokens (RFC 6750 section 2.1); an authorization is form-decoded, as its only
// space may arrive as '+'. What comes out is visible ASCII or an error: a decoded CR LF would be
// a field of its own upstream. An empty parameter counts as none but is cut too.
func (r *Request) Credential(p Params) (Credential, error) {
	var c Credential
	q := r.Query
	found := NoCredential
	for i := 0; r.HasQuery && i <= len(q); {
		end := until(q, i, len(q), '&')
		eq := until(q, i, end, '=')
		kind, err := p.kind(q[i:eq])
		if err != nil {
			return Credential{}, err
		}
		if kind != NoCredential {
			if found == kind {
				return Credential{}, ErrCredentialRepeated
			}
			if found != NoCredential {
				return Credential{}, ErrCredentials
			}
			found = kind
			c.take(q, i, eq, end)
		}
		i = end + 1
	}
	if c.value == c.end {
		return c, nil
	}
	check := token
	if found == Authorization {
		check = authorization
	}
	if err := check(q[c.value:c.end]); err != nil {
		return Credential{}, err
	}
	c.Kind = found
	return c, nil
}

// until returns the index of the first c in q[i:end], or end.
func until(q []byte, i, end int, c byte) int {
	if n := bytes.IndexByte(q[i:end], c); n >= 0 {
		return i + n
	}
	return end
}

// take notes the parameter q[i:end] and cuts it with one of the separators beside it: the one
// before it, so that what is left reads as if it had never been there.
func (c *Credential) take(q []byte, i, eq, end int) {
	c.value, c.end = min(eq+1, end), end
	switch {
	case i > 0:
		c.cut, c.upto = i-1, end
	case end < len(q):
		c.cut, c.upto = 0, end+1
	default:
		c.all = true
	}
}

// kind tells which parameter a name is once it is decoded.
func (p *Params) kind(name []byte) (CredentialKind, error) {
	token, err := named(name, p.Token)
	if err != nil {
		return NoCredential, err
	}
	if token {
		return Token, nil
	}
	if authorization, _ := named(name, p.Authorization); authorization {
		return Authorization, nil
	}
	return NoCredential, nil
}

// named tells whether a name decodes to a word; an empty word is nothing's name.
func named(name []byte, word string) (bool, error) {
	if bytes.IndexByte(name, '%') < 0 {
		return word != "" && string(name) == word, nil
	}
	n, same := 0, true
	for i := 0; i < len(name); n++ {
		var c byte
		if c, i = unescape(name, i); i == 0 {
			return false, ErrQueryEscape
		}
		same = same && n < len(word) && word[n] == c
	}
	return same && n == len(word), nil
}

// token checks that a value decodes to something that may be behind "Bearer ". As a part of a
// query that Parse has accepted it is visible ASCII but for its escapes.
func token(value []byte) error {
	for {
		i := bytes.IndexByte(value, '%')
		if i < 0 {
			return nil
		}
		c, next := unescape(value, i)
		if next == 0 {
			return ErrTokenEscape
		}
		if !visible(c) {
			return ErrToken
		}
		value = value[next:]
	}
}

// authorization checks that a value decodes to a scheme, one space and credentials.
func authorization(value []byte) error {
	const longest = len("bearer")
	var scheme [longest + 1]byte
	n, i := 0, 0
	for i < len(value) {
		var c byte
		if c, i = unformed(value, i); i == 0 {
			return ErrAuthorizationEscape
		}
		if c == ' ' {
			break
		}
		if n == len(scheme) {
			return ErrAuthorization
		}
		scheme[n] = c
		n++
	}
	if s := scheme[:n]; i == len(value) || !fold(s, "basic") && !fold(s, "bearer") {
		return ErrAuthorization
	}
	for i < len(value) {
		var c byte
		if c, i = unformed(value, i); i == 0 {
			return ErrAuthorizationEscape
		}
		if !visible(c) {
			return ErrAuthorization
		}
	}
	return nil
}

// unformed is unescape for application/x-www-form-urlencoded, where '+' is a space.
func unformed(b []byte, i int) (c byte, next int) {
	if b[i] == '+' {
		return ' ', i + 1
	}
	return unescape(b, i)
}

// visible is VCHAR, RFC 5234 appendix B.1.
func visible(c byte) bool { return c > ' ' && c < 0x7f }

// appendValue appends the decoded credential. Credential has seen that every escape is well-formed.
func (r *Request) appendValue(dst []byte, c Credential) []byte {
	value := r.Query[c.value:c.end]
	if c.Kind == Token {
		for {
			i := bytes.IndexByte(value, '%')
			if i < 0 {
				return append(dst, value...)
			}
			o, next := unescape(value, i)
			dst = append(append(dst, value[:i]...), o)
			value = value[next:]
		}
	}
	for i := 0; i < len(value); {
		var o byte
		o, i = unformed(value, i)
		dst = append(dst, o)
	}
	return dst
}
