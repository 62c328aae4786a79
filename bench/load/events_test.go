package load

import "testing"

func TestEventStreams(t *testing.T) {
	for name, cut := range map[string]func([]byte) []byte{"": nil, "relayed": func(b []byte) []byte { return b }} {
		c, u := between(t, cut)
		opened(t, c, "events", 20)
		var due int64
		if err := u.Push(PushArgs{Size: 16 << 10, Rate: 20_000, Count: 2000}, &due); err != nil {
			t.Fatal(err)
		}
		if err := c.Speak(200, nil); err != nil {
			t.Fatal(err)
		}
		cl, up := tally(t, c, u, func(c, _ *Tally) bool { return c.Messages == 2000 })
		none(t, cl, up)
		if cl.Replies != 0 {
			t.Errorf("%s: %d messages went up an event stream", name, cl.Replies)
		}
		if err := c.Close(struct{}{}, nil); err != nil {
			t.Fatal(err)
		}
		cl, up = tally(t, c, u, func(c, u *Tally) bool { return c.Open == 0 && u.Open == 0 })
		none(t, cl, up)
	}
}
