package splice

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// Each within the last eighth, and those that began together spread over it, whatever
// the steps between their descriptors are.
func TestLifespan(t *testing.T) {
	for _, limit := range []time.Duration{time.Minute, 24 * time.Hour, longestLife} {
		for stride := uint32(1); stride <= 4; stride++ {
			const many, parts = 10_000, 16
			var in [parts]int
			least, most := limit-limit/8, limit-limit/lifeSteps
			for i := range uint32(many) {
				span := Lifespan(limit, 7+i*stride)
				if span < least || span > most {
					t.Fatalf("of %v: %v, wanted %v to %v", limit, span, least, most)
				}
				in[min(int((span-least)*parts/(most-least+1)), parts-1)]++
			}
			for _, n := range in {
				if n < many/parts*9/10 || n > many/parts*11/10 {
					t.Errorf("of %v in steps of %d they spread as %v", limit, stride, in)
					break
				}
			}
		}
	}
	if span := Lifespan(time.Nanosecond, ^uint32(0)); span != time.Nanosecond {
		t.Errorf("of a nanosecond: %v", span)
	}
}

// longestLife is as long as a test can count its parts.
const longestLife = 5 * 365 * 24 * time.Hour

// Bytes do not keep a relay that has lived long enough.
func TestRelayLifetime(t *testing.T) {
	r := relayPair(t, RelayOptions{Lifetime: 100 * time.Millisecond, IdleTimeout: time.Hour})
	msg := make([]byte, 5)
	for side := Client; ; side = 1 - side {
		if _, err := r.far[side].Write(msg); err != nil {
			break
		}
		if _, err := io.ReadFull(r.far[1-side], msg); err != nil {
			break
		}
	}
	r.expectEnd(Lifetime, ByLoop)
}

// One that rests sees an orderly end, on both sides, and not before its time.
func TestRelayLifetimeOfAQuietTunnel(t *testing.T) {
	const life = 200 * time.Millisecond
	for _, opt := range []RelayOptions{{Lifetime: life}, {Lifetime: life, IdleTimeout: time.Hour}, {Lifetime: life, HalfCloseTimeout: -1}} {
		begun := time.Now()
		r := relayPair(t, opt)
		r.expect(Client, nil, nil)
		r.expect(Upstream, nil, nil)
		r.expectEnd(Lifetime, ByLoop)
		if age := time.Since(begun); age < life-life/8 {
			t.Errorf("it ended after %v", age)
		}
	}
}

func TestRelayLifetimeOfAHalfClosedTunnel(t *testing.T) {
	for from := range Side(2) {
		r := relayPair(t, RelayOptions{Lifetime: 100 * time.Millisecond, HalfCloseTimeout: -1})
		r.far[from].CloseWrite()
		r.expect(1-from, nil, nil)
		r.expect(from, nil, nil)
		r.expectEnd(Lifetime, ByLoop)
	}
}

// What is thrown away at the end of a life must not look complete.
func TestRelayLifetimeWithBytesInHand(t *testing.T) {
	r := relayPair(t, RelayOptions{Lifetime: time.Second})
	stall(t, r.far[Client])
	r.expectEnd(Lifetime, ByLoop)
	if n, err := io.Copy(io.Discard, onlyReader{r.far[Upstream]}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the reader sees %v after %d bytes, wanted a reset", err, n)
	}
}

// The limit that comes first is the one that the end is named after.
func TestRelayDue(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		idle, half, life time.Duration
		over             bool
		at               time.Duration // since it began
		why              Reason
		limited          bool
	}{
		"none":                   {},
		"idle":                   {idle: time.Hour, at: 2 * time.Hour, why: Idle, limited: true},
		"life":                   {life: time.Hour, at: time.Hour, why: Lifetime, limited: true},
		"idle before life":       {idle: time.Hour, life: 3 * time.Hour, at: 2 * time.Hour, why: Idle, limited: true},
		"life before idle":       {idle: 3 * time.Hour, life: 2 * time.Hour, at: 2 * time.Hour, why: Lifetime, limited: true},
		"half-closed":            {idle: time.Minute, half: time.Hour, over: true, at: 2 * time.Hour, why: HalfClosed, limited: true},
		"life before half-close": {half: 2 * time.Hour, life: time.Hour, over: true, at: time.Hour, why: Lifetime, limited: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := relay{opened: now, last: now.Add(time.Hour), life: c.life, over: [2]bool{c.over, false},
				opt: RelayOptions{IdleTimeout: c.idle, HalfCloseTimeout: c.half}, conns: [2]net.Conn{}}
			at, why, limited := r.due()
			if limited != c.limited || limited && (why != c.why || at.Sub(now) != c.at) {
				t.Errorf("due after %v as %v (%v), wanted %v as %v (%v)", at.Sub(now), why, limited, c.at, c.why, c.limited)
			}
		})
	}
}
