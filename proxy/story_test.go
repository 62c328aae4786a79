//go:build linux

package proxy_test

// A wire story is a script of what two ends of the proxy put on the wire and
// what they must find there. testdata/wire/*.txt holds them: a file is one
// story, named after the misfortune it tells, or a family of them, each begun
// by a line "== name". A line is one of
//
//	# why it matters, and where the rule is written
//	config dial-timeout=200ms allow=/jmap   settings; see settings_test.go
//	C> text       the client sends text and CRLF
//	C> text\      the same without CRLF
//	U< text       the upstream must receive exactly this
//	--            what follows goes out in a segment of its own, and not
//	              before the proxy has read what went before
//	tunnel        the four lines that open a tunnel: C> U< U> C<
//
// C is the client, U the first connection that the proxy dials; C2 and U2 are
// the second ones, and so on. A connection is made at its first mention.
// Lines of one end in a row are one write. In texts \r \n \t \0 \xNN and \\
// are escapes, and a text that begins with @ stands for more:
//
//	@upgrade TARGET | Field: x | ...   the head of an upgrade, fields added last
//	@101 | ...                         the answer that accepts it
//	@get TARGET | ...                  a plain request
//	@200 BODY                          its answer, with Content-Length
//	@repeat N TEXT                     TEXT, N times, and no CRLF
//
// Instead of a text:
//
//	C> FIN  RST  OPEN   half-close; reset; connect and say nothing
//	C> OOB x            one urgent byte
//	C> DRIP text        the text, each byte in a segment of its own
//	C< FIN  RST  END    a clean end, a reset, either of them, and no byte before
//	C< ANY              whatever comes until either end
//	C< NOTHING          no byte is there to be read now
//	C< MOST text        a beginning of text (or no connection at all), then END
//	C< REFUSED 400 X    a refusal of that status with a field X (its name, or
//	                    "name: value"), complete and closed by FIN
//
// and about the world:
//
//	U down, U up        nothing listens there any more; something does again
//	U refused           wait until the proxy dials and the kernel has refused
//	U dialled           wait until the proxy dials
//	U none              no connection was dialled (and not yet taken up)
//	idle                wait until the proxy counts no connection
//	wait 1s             time passes: for limits that must be over by then
//	drain, stop         the proxy is told to
//	stats upgrades=1 requests=2 refused=1
//	closed STEP PARTY   what the counters say of one connection that ended;
//	                    a third word is the reason
//
// stats and closed are looked at when all is over, wherever they stand. At the
// end every story is checked for bytes and dials that it does not mention, and
// for counters that do not add up.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/wssplice/wssplice/proxy"
)

// A story is what one test plays.
type story struct {
	name   string
	config []string // KEY=VALUE
	lines  []line
	after  []line // stats and closed

	dripped bool // every byte is sent in a segment of its own

	log  *logBuffer        // where the proxy logs; nil: logs
	seen func(proxy.Stats) // what the proxy counted, once it is over; may be nil
}

// A line is one thing that one end does or finds.
type line struct {
	no   int
	who  string // "C", "U2"; empty for what concerns the whole story
	verb string // "send", "want", or the word as it stands in the file
	data []byte
	arg  string
}

var scriptLine = regexp.MustCompile(`^([CU][0-9]*)([<>]) ?(.*)$`)

// readStories parses one file of testdata/wire.
func readStories(path string) ([]story, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(filepath.Base(path), ".txt")
	return parseStories(base, string(text))
}

func parseStories(base, text string) ([]story, error) {
	var all []story
	cur := &story{name: base}
	var shared []string // config lines before the first "=="
	flush := func() {
		if len(cur.lines) > 0 {
			all = append(all, *cur)
		}
	}
	for i, s := range strings.Split(text, "\n") {
		if s == "" || s[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(s, "== "); ok {
			if len(cur.lines) == 0 {
				shared = cur.config
			}
			flush()
			cur = &story{
				name:   base + "/" + strings.ReplaceAll(name, " ", "-"),
				config: append([]string(nil), shared...),
			}
			continue
		}
		if err := cur.add(i+1, s); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", base, i+1, err)
		}
	}
	flush()
	return all, nil
}

// add parses one line of a story. A send or want that continues the one before
// is joined to it.
func (st *story) add(no int, s string) error {
	word, rest, _ := strings.Cut(s, " ")
	switch word {
	case "config":
		st.config = append(st.config, strings.Fields(rest)...)
		return nil
	case "stats", "closed":
		st.after = append(st.after, line{no: no, verb: word, arg: rest})
		return nil
	case "--", "idle", "wait", "drain", "stop":
		st.lines = append(st.lines, line{no: no, verb: word, arg: rest})
		return nil
	case "tunnel":
		for _, s := range []string{"C> @upgrade /ws", "U< @upgrade /ws", "U> @101", "C< @101"} {
			if err := st.add(no, s); err != nil {
				return err
			}
		}
		return nil
	case "U":
		st.lines = append(st.lines, line{no: no, verb: rest})
		return nil
	}
	m := scriptLine.FindStringSubmatch(s)
	if m == nil {
		return fmt.Errorf("cannot read %q", s)
	}
	l := line{no: no, who: m[1]}
	verb, arg, _ := strings.Cut(m[3], " ")
	switch m[2] + verb {
	case ">FIN", ">RST", ">OPEN", "<FIN", "<RST", "<END", "<ANY", "<NOTHING":
		l.verb = m[2] + verb
	case ">OOB", "<REFUSED":
		l.verb, l.arg = m[2]+verb, arg
	case "<MOST", ">DRIP":
		l.verb = m[2] + verb
		m[3] = arg
		fallthrough
	default:
		data, err := expand(m[3])
		if err != nil {
			return err
		}
		if l.verb == "" {
			l.verb = map[string]string{">": "send", "<": "want"}[m[2]]
		}
		if n := len(st.lines); n > 0 && st.lines[n-1].who == l.who && st.lines[n-1].verb == l.verb {
			st.lines[n-1].data = append(st.lines[n-1].data, data...)
			return nil
		}
		l.data = data
	}
	st.lines = append(st.lines, l)
	return nil
}

// expand turns a text of a story into the bytes that it stands for.
func expand(s string) ([]byte, error) {
	if strings.HasPrefix(s, "@") {
		return expandShort(s)
	}
	end := "\r\n"
	if strings.HasSuffix(s, `\`) && !strings.HasSuffix(s, `\\`) {
		s, end = s[:len(s)-1], ""
	}
	b, err := unescape(s)
	return append(b, end...), err
}

func unescape(s string) ([]byte, error) {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if i++; i == len(s) {
			return nil, fmt.Errorf("escape cut short in %q", s)
		}
		switch s[i] {
		case 'r', 'n', 't', '0', '\\':
			b = append(b, map[byte]byte{'r': '\r', 'n': '\n', 't': '\t', '0': 0, '\\': '\\'}[s[i]])
		case 'x':
			if i+2 >= len(s) {
				return nil, fmt.Errorf("escape cut short in %q", s)
			}
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return nil, fmt.Errorf("escape in %q: %w", s, err)
			}
			b = append(b, byte(v))
			i += 2
		default:
			return nil, fmt.Errorf("unknown escape \\%c", s[i])
		}
	}
	return b, nil
}

// expandShort expands the texts that begin with @.
func expandShort(s string) ([]byte, error) {
	word, rest, _ := strings.Cut(s, " ")
	var b bytes.Buffer
	head := func(first string, lines ...string) {
		parts := strings.Split(rest, " | ")
		fmt.Fprintf(&b, first+"\r\n", strings.TrimSpace(parts[0]))
		for _, l := range append(lines, parts[1:]...) {
			b.WriteString(l + "\r\n")
		}
		b.WriteString("\r\n")
	}
	switch word {
	case "@upgrade":
		head("GET %s HTTP/1.1", "Host: mail.example", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: "+sampleKey)
	case "@get":
		head("GET %s HTTP/1.1", "Host: mail.example")
	case "@101":
		rest = " " + rest
		head("HTTP/1.1 101 Switching Protocols%s", "Upgrade: websocket", "Connection: Upgrade",
			"Sec-WebSocket-Accept: "+sampleAccept)
	case "@200":
		fmt.Fprintf(&b, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(rest), rest)
	case "@repeat":
		count, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, fmt.Errorf("count of %q: %w", s, err)
		}
		piece, err := unescape(text)
		if err != nil {
			return nil, err
		}
		b.Write(bytes.Repeat(piece, n))
	default:
		return nil, fmt.Errorf("unknown %q", word)
	}
	return b.Bytes(), nil
}

// The key and its answer of RFC 6455 section 1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)
