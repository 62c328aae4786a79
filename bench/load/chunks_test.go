package load

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestChunksAreStrippedHoweverTheyAreCut(t *testing.T) {
	const body = "5\r\nhello\r\n1;a=b\r\n \r\n00a\r\n0123456789\r\n3\r\n\r\n\n\r\n"
	const want = "hello 0123456789\r\n\n"
	for cut := range len(body) {
		for second := cut; second < len(body); second++ {
			var c chunks
			var got []byte
			for _, part := range []string{body[:cut], body[cut:second], body[second:]} {
				b, err := c.strip([]byte(part))
				if err != nil {
					t.Fatalf("cut at %d and %d: %v", cut, second, err)
				}
				got = append(got, b...)
			}
			if string(got) != want {
				t.Fatalf("cut at %d and %d: %q", cut, second, got)
			}
		}
	}
}

func TestChunksThatNobodySent(t *testing.T) {
	for body, want := range map[string]error{
		"\r\n":                           errChunk,
		"x\r\n":                          errChunk,
		strings.Repeat("f", 20) + "\r\n": errChunk,
		"1\r\na\r\n0\r\n\r\n":            errStreamEnd,
	} {
		var c chunks
		if b, err := c.strip(bytes.Clone([]byte(body))); !errors.Is(err, want) {
			t.Errorf("%q: %q, %v", body, b, err)
		}
	}
}
