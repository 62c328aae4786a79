package httphead

import "testing"

// journey is what a proxy does with one upgrade, from the client's bytes to the verified 101.
type journey struct {
	req    Request
	resp   Response
	allow  Allow
	accept [28]byte
	out    []byte
}

func (j *journey) upgrade(ask, reply []byte) error {
	n, err := End(ask, 0, Limits{})
	if err != nil {
		return err
	}
	if err := j.req.Parse(ask[:n], Limits{}); err != nil {
		return err
	}
	if !j.allow.Path(j.req.Path) {
		return ErrTargetForm
	}
	if err := j.req.CheckUpgrade(); err != nil {
		return err
	}
	c, err := j.req.Credential(params)
	if err != nil {
		return err
	}
	j.out = j.req.AppendUpgrade(j.out[:0], c)
	AcceptKey(&j.accept, j.req.Key())
	if n, err = End(reply, 0, Limits{}); err != nil {
		return err
	}
	if err := j.resp.Parse(reply[:n], Limits{}); err != nil {
		return err
	}
	return j.resp.CheckAccepted(&j.accept)
}

// plain is what a proxy does with one request and its answer; both buffers hold a body too.
func (j *journey) plain(ask, reply []byte) error {
	n, err := End(ask, 0, Limits{})
	if err != nil {
		return err
	}
	if err := j.req.Parse(ask[:n], Limits{}); err != nil {
		return err
	}
	if !j.allow.Path(j.req.Path) {
		return ErrTargetForm
	}
	j.out = j.req.AppendPlain(j.out[:0])
	body := j.req.Body()
	if k, err := body.Next(ask[n:]); err != nil || !body.Done() || n+k != len(ask) {
		return ErrUnfinished
	}
	if n, err = End(reply, 0, Limits{}); err != nil {
		return err
	}
	if err := j.resp.Parse(reply[:n], Limits{}); err != nil {
		return err
	}
	j.out = j.resp.AppendPlain(j.out[:0], !j.resp.Persistent())
	body = j.resp.Body(j.req.Method)
	if k, err := body.Next(reply[n:]); err != nil || !body.Done() || n+k != len(reply) {
		return ErrUnfinished
	}
	return nil
}

func newJourney(t testing.TB) *journey {
	allow, err := NewAllow([]string{"/.well-known", "/jmap"})
	if err != nil {
		t.Fatal(err)
	}
	return &journey{allow: allow, out: make([]byte, 0, 4096)}
}

const (
	postBody   = `{"using":["urn:ietf:a:b"]}` + "\n"
	answerBody = "1a\r\n" + `{"sessionState":"abcdefg"}` + "\r\n0\r\n\r\n"
)

func TestNothingAllocated(t *testing.T) {
	j := newJourney(t)
	ask, reply := []byte(firefox), []byte(switching)
	basic := []byte(upgrade("/jmap/ws/?a&authorization=Basic+amFuZTpzZWNyZXQ%3D", "Authorization: x"))
	postAll, answerAll := []byte(post+postBody), []byte(answer+answerBody)
	h2c, offer := []byte(with("Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AA")), []byte("HTTP/1.0 204 x\r\nUpgrade: h2c\r\nConnection: a\r\n\r\n")
	h2c = append([]byte("GET /jmap"), h2c[len("GET /"):]...)
	for name, f := range map[string]func() error{
		"upgrade":        func() error { return j.upgrade(ask, reply) },
		"authorization":  func() error { return j.upgrade(basic, reply) },
		"plain":          func() error { return j.plain(postAll, answerAll) },
		"plain, changed": func() error { return j.plain(h2c, offer) },
	} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = f() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Refusals are constants: a flood of broken heads leaves nothing to collect either.
func TestNothingAllocatedByRefusals(t *testing.T) {
	j := newJourney(t)
	for _, in := range []string{
		"\x16\x03\x01", with("Content-Length: x"), with("A : b"), upgrade("/?access_token=%0d%0a"), upgrade("/", "Authorization: a", "Authorization: b"),
	} {
		b := []byte(in)
		if n := testing.AllocsPerRun(100, func() {
			if j.upgrade(b, nil) == nil {
				t.Error("accepted")
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", in, n)
		}
	}
}
