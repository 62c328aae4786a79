package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// The token holds what form decoding or a missing percent-decoding would
// spoil: a plus sign, slashes and padding, escaped as a browser's
// encodeURIComponent does. The upstream answers 401 to anything but token.
const (
	token   = "sw1.R8kV2nQ0+xTf/7LwPzYb3mJc9dHs5uAe1oGi6qWlKrNtXvZyB4fDhMjUgSpEaC/kQ8xV+2nR0TfLwPz7Yb3mJc=="
	escaped = "sw1.R8kV2nQ0%2BxTf%2F7LwPzYb3mJc9dHs5uAe1oGi6qWlKrNtXvZyB4fDhMjUgSpEaC%2FkQ8xV%2B2nR0TfLwPz7Yb3mJc%3D%3D"
)

// browser is the rest of an upgrade head as Chromium sends it.
const browser = "Pragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n" +
	"Origin: https://mail.example\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n" +
	"Sec-WebSocket-Protocol: jmap\r\n"

// appendHead begins a request's head. The token goes into the query of an
// upgrade through a proxy. Without a proxy nobody would move it, so the client
// sends the header itself, as it does in a plain request anyway.
func appendHead(b []byte, method, path string, id uint32, inQuery bool) []byte {
	b = append(b, method...)
	b = append(b, " /jmap/"...)
	b = append(b, path...)
	b = append(b, '?')
	if inQuery {
		b = append(b, "access_token="+escaped+"&"...)
	}
	b = append(b, "t="...)
	b = strconv.AppendUint(b, uint64(id), 10)
	b = append(b, " HTTP/1.1\r\nHost: mail.example\r\n"...)
	if !inQuery {
		b = append(b, "Authorization: Bearer "+token+"\r\n"...)
	}
	return b
}

func (t Target) appendUpgrade(b []byte, path string, id uint32) []byte {
	b = appendHead(b, "GET", path, id, !t.Direct)
	b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	b = append(b, browser...)
	b = append(b, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	b = appendKey(b, id)
	return append(b, "\r\n\r\n"...)
}

// appendKey gives each tunnel a key of its own, so that a 101 that belongs to
// another one is noticed.
func appendKey(b []byte, id uint32) []byte {
	key := fmt.Appendf(nil, "tunnel %09d", id)
	return base64.StdEncoding.AppendEncode(b, key[:16])
}

// accept is Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2).
func accept(key []byte) string {
	h := sha1.New()
	h.Write(key)
	h.Write([]byte("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	var sum [sha1.Size]byte
	return base64.StdEncoding.EncodeToString(h.Sum(sum[:0]))
}

var headEnd = []byte("\r\n\r\n")

// fields calls f with each field of a head behind its first line.
func fields(head []byte, f func(name, value []byte)) {
	_, rest, _ := bytes.Cut(head, []byte("\r\n"))
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			f(name, bytes.TrimSpace(value))
		}
	}
}

func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// checkUpgraded says what is wrong with a 101 for tunnel id, if anything.
func checkUpgraded(head []byte, id uint32) error {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("upgrade answered with %q", line)
	}
	var key [24]byte
	want, got := accept(appendKey(key[:0], id)), ""
	fields(head, func(name, value []byte) {
		if is(name, "Sec-WebSocket-Accept") {
			got = string(value)
		}
	})
	if got != want {
		return fmt.Errorf("101 with Sec-WebSocket-Accept %q for another key", got)
	}
	return nil
}

// request is what the upstream needs to know of a head.
type request struct {
	post     bool
	path     string // behind /jmap/
	id       uint32
	bearer   bool // the Authorization field is as it must be
	upgrade  bool
	key      []byte
	length   int64
	lastOne  bool // Connection: close
	problems string
}

func parseRequest(head []byte) request {
	var r request
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	method, rest, _ := strings.Cut(string(line), " ")
	target, _, _ := strings.Cut(rest, " ")
	path, query, _ := strings.Cut(target, "?")
	r.post = method == "POST"
	r.path = strings.TrimPrefix(path, "/jmap/")
	for pair := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(pair, "t="); ok {
			id, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				r.problems = "unreadable tunnel number"
			}
			r.id = uint32(id)
		}
	}
	fields(head, func(name, value []byte) {
		switch {
		case is(name, "Authorization"):
			r.bearer = string(value) == "Bearer "+token
		case is(name, "Connection"):
			r.lastOne = is(value, "close")
			r.upgrade = r.upgrade || is(value, "upgrade")
		case is(name, "Sec-WebSocket-Key"):
			r.key = value
		case is(name, "Content-Length"):
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				r.problems = "unreadable Content-Length"
			}
			r.length = n
		case is(name, "Transfer-Encoding"):
			r.problems = "a body that arrives chunked was sent with a length"
		}
	})
	r.upgrade = r.upgrade && r.key != nil
	if !r.bearer {
		r.problems = "no Authorization: Bearer with the decoded token"
	}
	return r
}
