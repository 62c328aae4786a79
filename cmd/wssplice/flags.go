package main

import "errors"

// cli is the whole command line. Group tags order the help; the flags' names
// come from the fields, the variables' names from the flags (environ.go).
type cli struct {
	Help        helpFlag `short:"h" group:"Other" help:"show this help"`
	ShowVersion bool     `name:"version" group:"Other" help:"show the version"`

	Serve struct {
		settings `embed:""`
	} `cmd:"" default:"withargs" help:"run the proxy"`
	Check struct {
		settings `embed:""`
	} `cmd:"" help:"say what a configuration means, without listening"`
	Demo    demoFlags  `cmd:"" help:"run a mail-server stand-in, the proxy and a web page to try"`
	Ready   readyFlags `cmd:"" help:"ask a running wssplice whether it accepts connections"`
	Version struct{}   `cmd:"" help:"show version, commit, Go version and platform"`
	HelpCmd struct{}   `cmd:"" name:"help" hidden:""`
}

// settings are the flags of serve, which check reads as well.
type settings struct {
	Listen  list  `group:"Listening" placeholder:"ADDR" default:":8080" help:"host:port or unix:/path; repeatable"`
	Backlog count `group:"Listening" placeholder:"N" default:"4096" help:"connections that may wait to be accepted"`
	Loops   count `group:"Listening" placeholder:"N" default:"0" help:"event loops at most, in use as needed; 0: half the CPUs"`

	Upstream      text     `group:"Upstream" placeholder:"ADDR" help:"the mail server: http://host:port or unix:/path; required"`
	Source        list     `group:"Upstream" placeholder:"ADDR" help:"local address to connect from, with its own ports; repeatable"`
	DialTimeout   duration `group:"Upstream" placeholder:"TIME" default:"5s" help:"to connect, redials while it is down included"`
	AnswerTimeout duration `group:"Upstream" placeholder:"TIME" default:"30s" help:"from the end of a request to its answer's head"`

	Allow              list `group:"Request" placeholder:"PATH" default:"/" help:"path prefix that may pass, by whole segments; repeatable"`
	TokenParam         text `group:"Request" placeholder:"NAME" default:"access_token" help:"query parameter with the Bearer token; empty: off"`
	AuthorizationParam text `group:"Request" placeholder:"NAME" default:"authorization" help:"parameter with a whole Authorization; empty: off"`

	HeadTimeout duration `group:"Head" placeholder:"TIME" default:"10s" help:"for a request's head to arrive"`
	HeadBytes   size     `group:"Head" placeholder:"SIZE" default:"16KiB" help:"most bytes in a request's head, below 64KiB"`
	HeadFields  count    `group:"Head" placeholder:"N" default:"100" help:"most fields in a request's head"`

	IdleTimeout              duration `group:"Limits" placeholder:"TIME" default:"75s" help:"ends a plain connection on which no byte moves"`
	MaxConnections           count    `group:"Limits" placeholder:"N" default:"0" help:"client connections; 0: from the descriptor limit"`
	MaxConnectionsPerAddress count    `group:"Limits" placeholder:"N" default:"0" help:"client connections from one address; 0: no limit"`

	TunnelIdleTimeout duration `group:"Tunnel" placeholder:"TIME" default:"24h" help:"ends a tunnel on which no byte moves"`
	TunnelLifetime    duration `group:"Tunnel" placeholder:"TIME" default:"0" help:"ends a tunnel of that age, or an eighth less; 0: none"`
	HalfCloseTimeout  duration `group:"Tunnel" placeholder:"TIME" default:"30s" help:"ends a half-closed tunnel on which no byte moves"`
	DrainTimeout      duration `group:"Tunnel" placeholder:"TIME" default:"30s" help:"how long tunnels may outlive SIGTERM"`

	KeepaliveIdle     duration `group:"Dead peers" placeholder:"TIME" default:"30s" help:"idle time before TCP keepalive probes; 0: none"`
	KeepaliveInterval duration `group:"Dead peers" placeholder:"TIME" default:"10s" help:"between probes"`
	KeepaliveCount    count    `group:"Dead peers" placeholder:"N" default:"3" help:"unanswered probes that end a connection"`
	UserTimeout       duration `group:"Dead peers" placeholder:"TIME" default:"60s" help:"how long sent bytes may stay unacknowledged"`

	Admin     text      `group:"Observing" placeholder:"ADDR" default:"127.0.0.1:9090" help:"/metrics, /healthz and /readyz; empty: off"`
	LogLevel  logLevel  `group:"Observing" placeholder:"LEVEL" default:"info" help:"debug, info, warn or error"`
	LogFormat logFormat `group:"Observing" placeholder:"FORMAT" default:"text" help:"text or json"`
}

// mayBeEmpty holds the flags that an empty value turns off. For every other flag
// an empty variable counts as one that is not set, as compose files produce it.
var mayBeEmpty = map[string]bool{
	"admin":               true,
	"authorization-param": true,
	"token-param":         true,
}

// errHelp ends parsing when help is asked for, before anything is found missing.
var errHelp = errors.New("help asked for")

type helpFlag bool

// BeforeReset is called by kong once it has met the flag.
func (helpFlag) BeforeReset() error { return errHelp }

// IsBool tells kong that the flag takes no value.
func (helpFlag) IsBool() bool { return true }
