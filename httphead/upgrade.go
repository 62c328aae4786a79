package httphead

import (
	"crypto/sha1"
	"encoding/base64"
)

// CheckUpgrade judges whether a parsed request is an opening handshake that a server has to take
// (RFC 6455 section 4.2.1), and one that no server can read as anything else: no body, one key,
// one version, at most one Authorization. ErrVersion13 asks for 426, everything else for 400.
func (r *Request) CheckUpgrade() error {
	switch {
	case r.Upgrade != WebSocket || !r.option:
		return ErrNoUpgrade
	case string(r.Method) != "GET":
		return ErrUpgradeMethod
	case r.Minor != 1:
		return ErrUpgrade10
	case r.HasBody():
		return ErrUpgradeBody
	case r.versions == 0:
		return ErrNoVersion
	case r.versions > 1:
		return ErrVersionRepeated
	case string(r.version) != "13":
		return ErrVersion13
	case r.keys == 0:
		return ErrNoKey
	case r.keys > 1:
		return ErrKeyRepeated
	case !validKey(r.key):
		return ErrKey
	case r.authorizations > 1:
		return ErrAuthorizationsRepeated
	}
	return nil
}

// validKey demands 16 octets in base64: 22 digits and the padding. The four bits that the last
// digit has to spare may be anything: servers look at the length only.
func validKey(key []byte) bool {
	return len(key) == keyLen && run(key, 0, isBase64) == keyLen-2 && key[keyLen-2] == '=' && key[keyLen-1] == '='
}

const (
	keyLen = 24
	guid   = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 section 1.3
)

// Key returns the value of Sec-WebSocket-Key; CheckUpgrade has seen that there is exactly one.
func (r *Request) Key() []byte { return r.key }

// AcceptKey writes the Sec-WebSocket-Accept that answers a key: base64(SHA-1(key GUID)), RFC 6455
// section 4.2.2. SHA-1 is what the protocol says; nothing secret hangs on it.
func AcceptKey(dst *[28]byte, key []byte) {
	var room [2 * (keyLen + len(guid))]byte
	sum := sha1.Sum(append(append(room[:0], key...), guid...))
	base64.StdEncoding.Encode(dst[:], sum[:])
}

// CheckAccepted judges the answer to an upgrade that was sent with the key of accept. It returns
// nil only for a 101 that a browser would take too (RFC 6455 section 4.1): anything less and bytes
// would pass a server that never agreed to the change of protocol.
func (r *Response) CheckAccepted(accept *[28]byte) error {
	switch {
	case r.Status != 101:
		return ErrNotSwitching
	case r.Minor != 1:
		return ErrSwitching10
	case r.Chunked || r.ContentLength > 0:
		return ErrSwitchingBody
	case r.upgrades != 1 || !r.websocket:
		return ErrAnswerUpgrade
	case !r.option:
		return ErrAnswerOption
	case r.accepts == 0:
		return ErrNoAccept
	case r.accepts > 1:
		return ErrAcceptRepeated
	case string(r.accept) != string(accept[:]):
		return ErrAccept
	}
	return nil
}

// AppendUpgrade appends the head of an upgrade that goes upstream and returns the extended dst.
// Everything is as the client sent it, but for:
//
//   - the target, which loses the parameter that held the credential,
//   - Connection and Upgrade, each exactly one line, as old servers read only the first and some
//     compare it letter by letter,
//   - with a credential, Authorization: one line, in the place of the client's own if there was one.
//
// The request has passed CheckUpgrade and c is from its Credential.
func (r *Request) AppendUpgrade(dst []byte, c Credential) []byte {
	dst = r.appendLine(dst, c)
	// sent and i are offsets into the head: what lies between them is to be copied as it is.
	sent := len(r.Line)
	i := sent
	var connection, upgrade, authorization bool
	for j := range r.Fields {
		f := &r.Fields[j]
		at := i
		i += len(f.Line)
		switch f.known {
		case connectionField:
			dst = append(dst, r.head[sent:at]...)
			if !connection {
				dst = append(dst, "Connection: Upgrade\r\n"...)
			}
			connection = true
		case upgradeField:
			dst = append(dst, r.head[sent:at]...)
			if !upgrade {
				dst = append(dst, "Upgrade: websocket\r\n"...)
			}
			upgrade = true
		case authorizationField:
			if c.Kind == NoCredential {
				continue
			}
			dst = append(dst, r.head[sent:at]...)
			if !authorization {
				dst = r.appendAuthorization(dst, c)
			}
			authorization = true
		default:
			continue
		}
		sent = i
	}
	dst = append(dst, r.head[sent:i]...)
	if c.Kind != NoCredential && !authorization {
		dst = r.appendAuthorization(dst, c)
	}
	return append(dst, "\r\n"...)
}

// appendLine appends the request line without the parameter that held the credential.
func (r *Request) appendLine(dst []byte, c Credential) []byte {
	if !c.Cut() {
		return append(dst, r.Line...)
	}
	dst = append(dst, r.Line[:len(r.Method)+1+len(r.Path)]...)
	if !c.all {
		dst = append(dst, '?')
		dst = append(dst, r.Query[:c.cut]...)
		dst = append(dst, r.Query[c.upto:]...)
	}
	return append(dst, r.Line[len(r.Method)+1+len(r.Target):]...)
}

func (r *Request) appendAuthorization(dst []byte, c Credential) []byte {
	dst = append(dst, "Authorization: "...)
	if c.Kind == Token {
		dst = append(dst, "Bearer "...)
	}
	return append(r.appendValue(dst, c), "\r\n"...)
}
