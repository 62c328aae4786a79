package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/wssplice/wssplice/httphead"
)

// Validate checks c as New would, without binding anything. The error says which
// setting is wrong and what it may be.
func (c Config) Validate() error {
	_, err := c.settings()
	return err
}

// WithDefaults returns c with its defaults in place of the zero values, those that
// depend on the machine (Loops, MaxConnections) worked out. Its error is Validate's.
func (c Config) WithDefaults() (Config, error) {
	s, err := c.settings()
	return s.Config, err
}

// settings is a Config with its defaults filled in and its parts understood.
type settings struct {
	Config
	allow  httphead.Allow
	params httphead.Params
	limits httphead.Limits
	from   *sources
	up     *upstream
}

func (c Config) settings() (s settings, err error) {
	s.Config = c
	if len(s.Listen) == 0 {
		s.Listen = []string{":8080"}
	}
	for _, l := range s.Listen {
		if strings.HasPrefix(l, "unix:") {
			_, err = makeAddress(zeroAddr, strings.TrimPrefix(l, "unix:"))
		} else {
			err = checkHostPort(l)
		}
		if err != nil {
			return s, fmt.Errorf("listen address %q: %w", l, err)
		}
	}
	if s.from, err = parseSources(s.Source); err != nil {
		return s, err
	}
	if s.up, err = parseUpstream(s.Upstream, s.from); err != nil {
		return s, err
	}
	if s.allow, err = httphead.NewAllow(s.Allow); err != nil {
		return s, err
	}
	if s.params, err = params(s.TokenParam, s.AuthorizationParam); err != nil {
		return s, err
	}
	setDefault(&s.HeadBytes, 16<<10)
	setDefault(&s.HeadFields, 100)
	if s.HeadBytes < 256 || s.HeadBytes > 64<<10-1 {
		return s, fmt.Errorf("head bytes %d: must be 256 to 65535", s.HeadBytes)
	}
	if s.HeadFields < 1 {
		return s, fmt.Errorf("head fields %d: must be at least 1", s.HeadFields)
	}
	s.limits = httphead.Limits{Bytes: s.HeadBytes, Fields: s.HeadFields}
	setDefault(&s.Backlog, 4096)
	if s.Loops < 0 || s.Loops > 1024 {
		return s, fmt.Errorf("loops %d: must be 1 to 1024, or 0 for one each two CPUs", s.Loops)
	}
	setDefault(&s.Loops, defaultLoops(runtime.GOMAXPROCS(0)))
	setDefault(&s.HeadTimeout, 10*time.Second)
	setDefault(&s.DialTimeout, 5*time.Second)
	setDefault(&s.AnswerTimeout, 30*time.Second)
	setDefault(&s.IdleTimeout, 75*time.Second)
	setDefault(&s.TunnelIdleTimeout, 24*time.Hour)
	setDefault(&s.HalfCloseTimeout, 30*time.Second)
	setDefault(&s.KeepaliveIdle, 30*time.Second)
	setDefault(&s.KeepaliveInterval, 10*time.Second)
	setDefault(&s.KeepaliveCount, 3)
	setDefault(&s.UserTimeout, time.Minute)
	for _, d := range []time.Duration{s.KeepaliveIdle, s.KeepaliveInterval} {
		if d > 0 && d < time.Second {
			return s, errors.New("keepalive times are whole seconds, at least 1s")
		}
	}
	if s.KeepaliveCount > 127 {
		return s, fmt.Errorf("keepalive count %d: must be 1 to 127", s.KeepaliveCount)
	}
	if s.MaxConnections == 0 {
		s.MaxConnections = roomFor(descriptorLimit())
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

func setDefault[T int | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}

// defaultLoops is one loop for each two processors: what a loop does for its peers
// keeps another processor busy, in the terminator and the mail server if they are on
// this machine, and in the kernel if not. Each loop holds two descriptors, for which
// roomFor leaves room up to 32.
func defaultLoops(processors int) int { return min(max(1, processors/2), 32) }

// roomFor is how many connections a descriptor limit has room for, at two
// descriptors each, beside what the program itself holds.
func roomFor(descriptors int) int {
	if descriptors <= 0 {
		return Off
	}
	const own = 256 // listeners, loops, pipes, the admin server's connections, name look-ups
	return max((descriptors-own)/2, 16)
}

func params(token, authorization string) (p httphead.Params, err error) {
	name := func(s, otherwise string) string {
		switch s {
		case "":
			return otherwise
		case NoParam:
			return ""
		}
		return s
	}
	p = httphead.Params{Token: name(token, "access_token"), Authorization: name(authorization, "authorization")}
	for _, s := range []string{p.Token, p.Authorization} {
		if strings.ContainsAny(s, "&=#?%+ ;/") {
			return p, fmt.Errorf("query parameter name %q: write it decoded, without & = # ? %% + ; / or blanks", s)
		}
	}
	if p.Token != "" && p.Token == p.Authorization {
		return p, fmt.Errorf("token and authorization parameter are both named %q: give them different names", p.Token)
	}
	return p, nil
}

// timeLimit is d for a timer: 0 (none) if the limit is off.
func timeLimit(d time.Duration) time.Duration { return max(d, 0) }
