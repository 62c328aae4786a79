// Package httphead reads and rewrites the heads of HTTP/1.x messages and follows the framing of
// their bodies. Bytes go in, bytes come out: it does no I/O, knows no clock, starts nothing, keeps
// nothing between calls, and allocates nothing for a head that it accepts, once the Request and
// Response of the caller have room for its fields.
//
// # A request's way
//
//	n, err := httphead.End(buf, seen, lim)  // 0: read on, with seen = len(buf)
//	err = req.Parse(buf[:n], lim)           // slices of buf, nothing copied
//	ok := allow.Path(req.Path)
//
// An upgrade to WebSocket (req.Upgrade) then goes
//
//	err = req.CheckUpgrade()
//	cred, err := req.Credential(params)     // where in the query the token stands
//	out = req.AppendUpgrade(out, cred)      // the head that goes upstream
//	httphead.AcceptKey(&accept, req.Key())
//	...                                     // End and Parse for the answer
//	err = resp.CheckAccepted(&accept)
//
// and everything else
//
//	out = req.AppendPlain(out)              // buf[:n] unless req.NeedsRewrite()
//	body := req.Body()
//	k, err := body.Next(buf[n:])            // the first k bytes are body; until body.Done()
//	...                                     // End, Parse, AppendPlain and Body for the answer
//
// Where body.Raw() is not 0 that many bytes may go by unseen, and body.Skip counts them.
//
// # What is accepted
//
// The grammar of RFC 9112 without what it only tolerates. Where two parsers in a row could read a
// message differently, it is refused, with one Error for each reason:
//
//   - lines that do not end with CR LF; NUL and other control octets but HTAB; an empty line first;
//   - request lines with other spaces than two, other versions than HTTP/1.0 and HTTP/1.1, CONNECT,
//     targets that are no path (or * with OPTIONS), hold other than visible ASCII or a '#', or have
//     a malformed escape in the path;
//   - fields without a name or colon, with a name that is no token or is followed by a space, folded;
//   - no Host in HTTP/1.1, two, or one that is no host;
//   - Content-Length that is repeated, a list, not digits or more than 63 bits;
//     Transfer-Encoding other than one exact chunked, or in HTTP/1.0; both together; either with an
//     underscore; a Trailer that announces either;
//   - Connection with an option that is no token or names a field that is not hop-by-hop;
//   - Upgrade: websocket without the option upgrade in Connection;
//   - chunks with a size of more than 15 digits or without CR LF where it belongs, extensions that
//     outweigh the data by more than 8 KiB, trailers over 4 KiB, malformed, or with a field that
//     frames, routes or authorizes.
//
// Answers follow the same rules, except that the reason and the space before it may be missing and
// that odd Connection options are left to the client. Octets above 0x7F pass in values and reasons
// as they are.
//
// # What is changed
//
// AppendUpgrade and AppendPlain name it. Order, case, spacing and duplicates of all other lines
// stay as they came.
//
// # What it never does
//
// It never puts a byte of the input into an error. It never changes the case of a name, joins or
// sorts fields, decodes a body, or writes a decoded octet into a head that is not visible ASCII
// (but for the one space of an Authorization).
package httphead
