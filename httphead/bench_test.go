package httphead

import "testing"

// One whole handshake: a browser's upgrade of 700 bytes read, judged and rewritten, its 101 verified.
func BenchmarkUpgrade(b *testing.B) {
	j := newJourney(b)
	ask, reply := []byte(firefox), []byte(switching)
	b.SetBytes(int64(len(ask) + len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		if err := j.upgrade(ask, reply); err != nil {
			b.Fatal(err)
		}
	}
}

// One whole exchange: a POST with its body, a chunked answer.
func BenchmarkPlain(b *testing.B) {
	j := newJourney(b)
	ask, reply := []byte(post+postBody), []byte(answer+answerBody)
	b.SetBytes(int64(len(ask) + len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		if err := j.plain(ask, reply); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEnd(b *testing.B) {
	ask := []byte(firefox)
	b.SetBytes(int64(len(ask)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := End(ask, 0, Limits{}); n != len(ask) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	ask := []byte(firefox)
	b.SetBytes(int64(len(ask)))
	b.ReportAllocs()
	var r Request
	for b.Loop() {
		if err := r.Parse(ask, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAcceptKey(b *testing.B) {
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	var accept [28]byte
	b.ReportAllocs()
	for b.Loop() {
		AcceptKey(&accept, key)
	}
}
