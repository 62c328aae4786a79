//go:build linux && !portable

package proxy_test

import (
	"log/slog"
	"testing"

	"github.com/wssplice/wssplice/proxy"
	"github.com/wssplice/wssplice/splice/rawsock"
)

var (
	quietHead    = []byte(upgradeHead("/jmap/ws?access_token=" + canary + "%2B1"))
	quietAnswer  = []byte(accepted)
	quietMessage = []byte("\x81\x05hello")
)

// A handshake, a message each way and the tunnel's end allocate nothing, once as many
// were under way at once before.
func TestHandshakesAllocateNothing(t *testing.T) {
	const width, rounds = 60, 50
	for _, c := range []struct {
		name  string
		cut   int    // bytes of the head that come first; 0: all
		early []byte // what the client sends right behind its head
	}{
		{name: "whole heads"},
		{name: "heads in two pieces", cut: 60},
		{name: "bytes behind the head", early: quietMessage},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newQuiet(t, width+1, proxy.Config{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
			many, probe := q.pairs[:width], q.pairs[width:]
			head := append(quietHead[:len(quietHead):len(quietHead)], c.early...)
			first, rest := head, []byte(nil)
			if c.cut > 0 {
				first, rest = head[:c.cut], head[c.cut:]
			}
			q.wantNoAllocations(width, rounds, func() {
				q.dial(many, first)
				if len(rest) > 0 {
					// The loop takes what comes first first: a tunnel that works says that
					// all the first pieces were read.
					q.dial(probe, quietHead)
					q.accept(probe)
					q.talk(probe)
					q.end(probe)
					q.send(many, rest)
				}
				q.accept(many)
				for i := range many {
					q.want(many[i].upstream, c.early)
				}
				q.talk(many)
				q.end(many)
			})
		})
	}
}

// A plain request on a connection that is kept allocates nothing either, nor does its
// answer, with a body of known length or in chunks.
func TestKeptConnectionsAllocateNothing(t *testing.T) {
	const width, rounds = 32, 100
	for _, c := range []struct{ name, request, answer string }{
		{"GET", plainHead("/jmap"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
		{"chunks", plainHead("/jmap"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{"token", plainHead("/jmap?access_token=" + canary), "HTTP/1.1 204 No Content\r\n\r\n"},
		{"POST", "POST /jmap HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newQuiet(t, width, proxy.Config{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
			request, answer := []byte(c.request), []byte(c.answer)
			q.dial(q.pairs, request)
			for i := range q.pairs {
				q.pairs[i].upstream = q.acceptOne()
			}
			q.wantNoAllocations(width, rounds, func() {
				for _, p := range q.pairs {
					q.readHead(p.upstream)
					q.write(p.upstream, answer)
				}
				for _, p := range q.pairs {
					q.want(p.client, answer)
					q.write(p.client, request)
				}
			})
			for _, p := range q.pairs {
				rawsock.Close(p.client)
				rawsock.Close(p.upstream)
			}
		})
	}
}
