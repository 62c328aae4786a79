package proxy

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/splice"
)

// reason is why a connection ended: a row of the refusal table, or a way to end
// without one. It is metric label, log attribute and HTTP status in one.
type reason uint8

// The refusals, in the order of the journey, then the other endings.
const (
	refusedFull reason = iota
	refusedFullAddress
	refusedHead
	refusedHeadLong
	refusedHeadSlow
	refusedPath
	refusedUpgrade
	refusedVersion
	refusedToken
	refusedBody
	refusedBodySlow
	refusedResolve
	refusedDial
	refusedDialSlow
	refusedPorts
	refusedDescriptors
	refusedLost
	refusedAnswer
	refusedAccept
	refusedAnswerSlow
	refusedByUpstream
	endDone        // a plain connection closed in order
	endGone        // the client left before it had its answer
	endIdle        // a plain connection on which nothing moved
	endCut         // a body ended before its end
	endStopped     // the proxy was told to stop
	firstTunnelEnd // the splice.Reasons follow

	numRefusals = endDone
	numReasons  = firstTunnelEnd + reason(splice.NumReasons)

	// endLifetime is an event stream's end as well.
	endLifetime = firstTunnelEnd + reason(splice.Lifetime)
)

// refusal is one row of the refusal table.
type refusal struct {
	status int    // 0: nothing is sent, the answer of the upstream stands
	name   string // metric label and log attribute
	text   string // what the client is told, before the detail
}

// refusals says everything about every refusal, so that status, metric and log
// cannot disagree. The texts say which side was at fault, as that is the first
// question of whoever reads them.
var refusals = [numRefusals]refusal{
	refusedFull:        {503, "full", "the proxy is at its connection limit, try again later"},
	refusedFullAddress: {503, "full_address", "too many connections from this address, close some or try again later"},
	refusedHead:        {400, "bad_head", "the request is malformed"},
	refusedHeadLong:    {431, "head_too_long", "the request's head is too large"},
	refusedHeadSlow:    {408, "head_timeout", "the request's head did not arrive in time"},
	refusedPath:        {404, "path", "the proxy does not let this path pass"},
	refusedUpgrade:     {400, "bad_upgrade", "the request is no WebSocket handshake"},
	refusedVersion:     {426, "bad_version", "the WebSocket version must be 13"},
	refusedToken:       {400, "bad_token", "the credential in the query cannot be used"},
	refusedBody:        {400, "bad_body", "the request's body is malformed"},
	refusedBodySlow:    {408, "body_timeout", "the request's body did not arrive in time"},
	refusedResolve:     {502, "resolve", "the mail server's name does not resolve"},
	refusedDial:        {502, "dial", "the mail server cannot be reached"},
	refusedDialSlow:    {504, "dial_timeout", "the mail server did not accept a connection in time"},
	refusedPorts:       {503, "ports", "the proxy has no free port left towards the mail server"},
	refusedDescriptors: {503, "descriptors", "the proxy has no free file descriptor left"},
	refusedLost:        {502, "upstream_closed", "the mail server closed the connection without an answer"},
	refusedAnswer:      {502, "bad_answer", "the mail server's answer is malformed"},
	refusedAccept:      {502, "bad_accept", "the mail server's 101 does not accept this handshake"},
	refusedAnswerSlow:  {504, "answer_timeout", "the mail server did not answer in time"},
	refusedByUpstream:  {0, "upstream_refused", ""},
}

var endNames = [...]string{"done", "client_gone", "idle", "cut_short", "stopped"}

// String gives the reason's name in logs and metrics.
func (r reason) String() string {
	switch {
	case r < numRefusals:
		return refusals[r].name
	case r < firstTunnelEnd:
		return endNames[r-numRefusals]
	}
	return splice.Reason(r - firstTunnelEnd).String()
}

// by is who is to be named for a refusal: whoever could have avoided it.
func (r reason) by() Party {
	switch r {
	case refusedHead, refusedHeadLong, refusedHeadSlow, refusedPath, refusedUpgrade, refusedVersion, refusedToken,
		refusedBody, refusedBodySlow, endGone, endDone:
		return ByClient
	case refusedResolve, refusedDial, refusedDialSlow, refusedLost, refusedAnswer, refusedAccept, refusedAnswerSlow, refusedByUpstream:
		return ByUpstream
	}
	return ByProxy
}

// retryAfter is what a client is told that was refused for want of room, in seconds.
const retryAfter = 5

// appendRefusal appends the whole answer of a refusal: one line of text that says
// what is wrong, and what exactly if detail is not empty. detail must not hold a
// byte of the request. bodyless is for HEAD.
func appendRefusal(dst []byte, r reason, detail string, bodyless bool) []byte {
	row := &refusals[r]
	size := len("wssplice: ") + len(row.text) + 1
	if detail != "" {
		size += len(": ") + len(detail)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(row.status), 10)
	dst = append(dst, ' ')
	dst = append(dst, statusText(row.status)...)
	dst = append(dst, "\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(size), 10)
	switch row.status {
	case 426: // RFC 6455 section 4.4; RFC 9110 section 15.5.22 wants the Upgrade field
		dst = append(dst, "\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket"...)
	case 503:
		dst = append(dst, "\r\nRetry-After: "...)
		dst = strconv.AppendInt(dst, retryAfter, 10)
	}
	dst = append(dst, "\r\n\r\n"...)
	if bodyless {
		return dst
	}
	dst = append(dst, "wssplice: "...)
	dst = append(dst, row.text...)
	if detail != "" {
		dst = append(append(dst, ": "...), detail...)
	}
	return append(dst, '\n')
}

func statusText(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 404:
		return "Not Found"
	case 408:
		return "Request Timeout"
	case 426:
		return "Upgrade Required"
	case 431:
		return "Request Header Fields Too Large"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	}
	return "Gateway Timeout"
}

// headReason is the refusal for an error of httphead about a request, and the
// detail that the client is told.
func headReason(err error, otherwise reason) (reason, string) {
	switch {
	case errors.Is(err, httphead.ErrTooLong), errors.Is(err, httphead.ErrTooManyFields):
		return refusedHeadLong, err.Error()
	case errors.Is(err, httphead.ErrVersion13):
		return refusedVersion, ""
	}
	return otherwise, err.Error()
}

// ending is how a client connection ended, for the one line and the one count.
type ending struct {
	peer     netip.AddrPort
	step     Step
	by       Party
	why      reason
	opened   time.Time
	seatless bool // it was refused for want of a seat
	up, down uint64
	err      error // the socket's, if there was one; never holds bytes of a request
}

// ended counts and reports the end of a client connection. It is called once for
// each, when its descriptors are closed, and nothing else logs an end.
func (p *Proxy) ended(e *ending) {
	// The seat first: who sees the count go down must find it free.
	last := p.seats.leave(e.peer.Addr(), !e.seatless)
	p.count.now[e.step].Add(-1)
	p.count.closed[e.step][e.by][e.why].Add(1)
	if last {
		defer p.noteEmpty()
	}
	if !p.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("client", peerName(e.peer)), slog.String("phase", e.step.String()), slog.String("by", e.by.String()),
		slog.String("reason", e.why.String()), slog.Duration("duration", time.Since(e.opened)),
		slog.Uint64("up_bytes", e.up), slog.Uint64("down_bytes", e.down),
	}
	if e.err != nil {
		attrs = append(attrs, slog.Any("err", e.err))
	}
	p.log.LogAttrs(context.Background(), slog.LevelDebug, "connection ended", attrs...)
}

// loggable is what a log may show of a path: a question mark that was encoded does not
// make a query of what follows, and a client may have meant it to be one.
func loggable(path []byte) string {
	path, _, _ = bytes.Cut(path, []byte("%"))
	return string(path)
}

func peerName(a netip.AddrPort) string {
	if !a.IsValid() {
		return "unix"
	}
	return a.String()
}
