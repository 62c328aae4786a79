package proxy

import (
	"log/slog"
	"time"
)

// Off turns a time limit or a count of Config off where zero means "the default".
const Off = -1

// NoParam is the parameter name that turns Config.AuthorizationParam or
// Config.TokenParam off. No query can hold it: it is not a byte of a URI.
const NoParam = "\x00"

// Config says what a Proxy does. Upstream must be set; the zero value of every
// other field is the default that its comment names. In every time limit and
// count, a negative value (Off) means no limit.
type Config struct {
	// Listen holds the addresses to accept on: host:port or unix:/path.
	// If empty, ":8080".
	Listen []string

	// Upstream is the mail server: http://host:port (the port defaults to 80)
	// or unix:/path. A name is resolved again as its addresses age. Of several
	// addresses the first is used, the others when that one cannot be connected to.
	Upstream string

	// Source holds the local IP addresses that connections to the upstream come
	// from, in turn. Towards one address of the upstream each has as many ports as
	// net.ipv4.ip_local_port_range, about 28,000. Addresses of the upstream of a
	// family that no source is of are not used. If empty, the kernel chooses.
	Source []string

	// Allow holds the path prefixes that may pass, compared by whole segments.
	// If empty, "/": every path.
	Allow []string

	// TokenParam is the query parameter whose percent-decoded value becomes
	// "Authorization: Bearer". If empty, "access_token".
	TokenParam string

	// AuthorizationParam is the query parameter whose form-decoded value becomes
	// the whole Authorization field (Basic or Bearer). If empty, "authorization".
	AuthorizationParam string

	// Loops is the most event loops that share the work. The first does all of it until
	// it is saturated. If zero, one for each two CPUs, but 32 at most.
	Loops int

	// Backlog is the listen(2) backlog; the kernel caps it at net.core.somaxconn.
	// If zero, 4096.
	Backlog int

	// HeadTimeout is the time a client has from the first byte of a head (or from
	// accept, for its first one) to the last. If zero, 10s.
	HeadTimeout time.Duration
	// HeadBytes is the most a request's head may hold, request line included.
	// If zero, 16 KiB. At most 64 KiB less one.
	HeadBytes int
	// HeadFields is the most fields a head may hold. If zero, 100.
	HeadFields int

	// DialTimeout bounds resolving, connecting and every redial while the
	// upstream is down, together. If zero, 5s.
	DialTimeout time.Duration
	// AnswerTimeout is the time the upstream has from the end of the request to
	// the end of its answer's head. If zero, 30s.
	AnswerTimeout time.Duration
	// IdleTimeout ends a plain connection on which no byte moves, between
	// requests as well as in a body. If zero, 75s.
	IdleTimeout time.Duration

	// TunnelIdleTimeout ends a tunnel (or an event stream) on which no byte
	// moves. If zero, 24h.
	TunnelIdleTimeout time.Duration
	// TunnelLifetime ends a tunnel (or an event stream) whatever moves, between seven
	// eighths of that time and all of it, so that not all that began together end
	// together. A token may have expired long before its tunnel ends: with a limit
	// the client has to come back with a fresh one. If zero, no limit.
	TunnelLifetime time.Duration
	// HalfCloseTimeout ends a half-closed tunnel on which no byte moves any
	// more. If zero, 30s.
	HalfCloseTimeout time.Duration

	// KeepaliveIdle, KeepaliveInterval (whole seconds) and KeepaliveCount are TCP
	// keepalive's first wait, wait between probes, and number of unanswered
	// probes that end a connection. If zero: 30s, 10s, 3.
	// A negative KeepaliveIdle turns keepalive off.
	KeepaliveIdle     time.Duration
	KeepaliveInterval time.Duration
	KeepaliveCount    int
	// UserTimeout is TCP_USER_TIMEOUT: how long sent data may stay unacknowledged.
	// If zero, 60s.
	UserTimeout time.Duration

	// MaxConnections is the most client connections at once. If zero, as many as
	// the descriptor limit allows at two a connection.
	MaxConnections int
	// MaxConnectionsPerAddress is the most client connections at once from one
	// address. If zero, no limit: behind a TLS terminator all of them come
	// from its address.
	MaxConnectionsPerAddress int

	// Logger takes the log. If nil, nothing is logged. It is called from the
	// event loops, so its handler must not block.
	Logger *slog.Logger
}
