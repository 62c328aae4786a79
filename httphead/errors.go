package httphead

// Error is a reason why bytes are no head, or no head that may be passed on: one lower-case
// phrase that tells a person what is wrong. It never holds a byte of the input, so that it can
// be logged and sent back whatever the input was.
type Error string

// Error returns the phrase.
func (e Error) Error() string { return string(e) }

// The size of a head. A proxy answers these with 431.
const (
	ErrTooLong       Error = "head is longer than the limit"
	ErrTooManyFields Error = "head has more fields than the limit"
)

// Octets that no head has, found before a line is understood (RFC 9112 section 2.2, RFC 9110 section 5.5).
const (
	ErrTLS        Error = "TLS handshake on a plain HTTP port: TLS has to end at the terminator in front"
	ErrFirstOctet Error = "first octet cannot begin a head"
	ErrEmptyLine  Error = "empty line (or an unexpected PROXY protocol header) before the first line"
	ErrBareCR     Error = "carriage return without a line feed"
	ErrBareLF     Error = "line feed without a carriage return"
	ErrNUL        Error = "NUL octet in the head"
	ErrControl    Error = "control octet in the head"
	ErrUnfinished Error = "head does not end with its first empty line"
)

// The request line (RFC 9112 section 3).
const (
	ErrRequestLine Error = "request line is not a method, a target and a version with one space between"
	ErrMethod      Error = "method is no token"
	ErrConnect     Error = "CONNECT is not served here"
	ErrTargetForm  Error = "target is neither a path nor the * of OPTIONS"
	ErrTargetOctet Error = "target holds an octet that has to be percent-encoded"
	ErrPathEscape  Error = "malformed percent escape in the path"
	ErrVersion     Error = "version is neither HTTP/1.0 nor HTTP/1.1"
	ErrHTTP2       Error = "HTTP/2 preface on an HTTP/1.1 port: the terminator in front has to speak HTTP/1.1 to this one"
	ErrProxyLine   Error = "PROXY protocol line from a peer that none is expected from"
)

// Field lines of requests and answers (RFC 9112 section 5).
const (
	ErrFold      Error = "line begins with a space (obsolete line folding)"
	ErrNoName    Error = "field without a name"
	ErrNameSpace Error = "space before the colon of a field name"
	ErrName      Error = "field name is no token"
	ErrNoColon   Error = "field line without a colon"
	ErrTwin      Error = "underscore in place of the hyphen of Content-Length or Transfer-Encoding"
)

// Host (RFC 9112 section 3.2).
const (
	ErrNoHost       Error = "HTTP/1.1 request without Host"
	ErrHostRepeated Error = "more than one Host"
	ErrHost         Error = "Host is no host with an optional port"
)

// Framing (RFC 9112 section 6).
const (
	ErrLength            Error = "Content-Length is no decimal number"
	ErrLengthRepeated    Error = "more than one Content-Length"
	ErrLengthOverflow    Error = "Content-Length is too large"
	ErrEncoding          Error = "Transfer-Encoding is other than chunked"
	ErrEncodingRepeated  Error = "more than one Transfer-Encoding"
	ErrEncoding10        Error = "Transfer-Encoding in HTTP/1.0"
	ErrLengthAndEncoding Error = "Content-Length together with Transfer-Encoding"
	ErrTrailer           Error = "Trailer announces a field that frames, routes or authorizes"
)

// Connection and Upgrade of a request (RFC 9110 sections 7.6.1 and 7.8).
const (
	ErrOption         Error = "Connection holds an option that is no token"
	ErrTooManyOptions Error = "Connection holds too many options"
	ErrOptionField    Error = "Connection names a field of the request that is not hop-by-hop"
	ErrUpgradeOption  Error = "Upgrade: websocket without Connection: upgrade: the TLS terminator must pass both fields on"
)

// The status line of an answer (RFC 9112 section 4).
const (
	ErrStatusLine Error = "status line is not HTTP/1.0 or HTTP/1.1, a status and a reason"
	ErrStatus     Error = "status is not between 100 and 599"
)

// Chunked bodies (RFC 9112 section 7.1).
const (
	ErrChunkSize      Error = "chunk size is no hexadecimal number"
	ErrChunkTooLarge  Error = "chunk size is too large"
	ErrChunkLine      Error = "chunk size is not followed by an extension or the end of the line"
	ErrChunkExtension Error = "chunk extensions outweigh the data"
	ErrChunkEnd       Error = "chunk data is not followed by the end of the line"
	ErrTrailerLine    Error = "malformed trailer field"
	ErrTrailerField   Error = "trailer holds a field that frames, routes or authorizes"
	ErrTrailerTooLong Error = "trailer is longer than 4 KiB"
)

// The opening handshake of a client (RFC 6455 section 4.2.1).
const (
	ErrNoUpgrade              Error = "request asks for no upgrade to websocket"
	ErrUpgradeMethod          Error = "upgrade by another method than GET"
	ErrUpgrade10              Error = "upgrade in HTTP/1.0"
	ErrUpgradeBody            Error = "upgrade with a body"
	ErrNoVersion              Error = "upgrade without Sec-WebSocket-Version"
	ErrVersionRepeated        Error = "more than one Sec-WebSocket-Version"
	ErrNoKey                  Error = "upgrade without Sec-WebSocket-Key"
	ErrKeyRepeated            Error = "more than one Sec-WebSocket-Key"
	ErrKey                    Error = "Sec-WebSocket-Key is not 16 octets in base64"
	ErrAuthorizationsRepeated Error = "more than one Authorization"
	// ErrVersion13 is the one that a proxy answers with 426 and Sec-WebSocket-Version: 13 (RFC 6455 section 4.4).
	ErrVersion13 Error = "Sec-WebSocket-Version is other than 13"
)

// The credential in the query of an upgrade.
const (
	ErrQueryEscape         Error = "malformed percent escape in the name of a query parameter"
	ErrTokenEscape         Error = "malformed percent escape in the token"
	ErrToken               Error = "token holds an octet that is not visible ASCII"
	ErrCredentialRepeated  Error = "credential parameter given more than once"
	ErrCredentials         Error = "both credential parameters in one query"
	ErrAuthorizationEscape Error = "malformed percent escape in the authorization parameter"
	ErrAuthorization       Error = "authorization parameter is not Basic or Bearer, one space and visible ASCII"
)

// The answer to an upgrade (RFC 6455 section 4.1, the client's checks).
const (
	ErrNotSwitching   Error = "answer to the upgrade is not 101"
	ErrSwitching10    Error = "101 in HTTP/1.0"
	ErrSwitchingBody  Error = "101 with a body"
	ErrAnswerUpgrade  Error = "101 without exactly one Upgrade: websocket"
	ErrAnswerOption   Error = "101 without Connection: upgrade"
	ErrNoAccept       Error = "101 without Sec-WebSocket-Accept"
	ErrAcceptRepeated Error = "101 with more than one Sec-WebSocket-Accept"
	ErrAccept         Error = "Sec-WebSocket-Accept does not match the key"
)
