package httphead

import (
	"math"
	"strings"
	"testing"
)

// follow feeds in to a body in parts of at most size bytes and returns how many belong to it, and
// the data of its chunks. With raw it lets the bytes that need no look go by unseen.
func follow(b Body, in string, size int, raw bool) (n int, data string, done bool, err error) {
	for n < len(in) && !b.Done() {
		if k := int(min(b.Raw(), int64(len(in)-n), int64(size))); k > 0 {
			if raw {
				b.Skip(int64(k))
			} else if m, err := b.Next([]byte(in[n : n+k])); m != k || err != nil {
				panic("Next takes less than Raw")
			}
			data += in[n : n+k]
			n += k
			continue
		}
		// One octet at a time between the chunks, where data cannot be told from framing.
		k, err := b.Next([]byte(in[n : n+1]))
		n += k
		if err != nil {
			return n, data, false, err
		}
		if k == 0 {
			panic("Next takes nothing, is not done and sees no error")
		}
	}
	return n, data, b.Done(), nil
}

func chunked() Body { return Body{framing: chunkedBody} }

func TestChunked(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for _, c := range []struct {
		name, in string
		n        int // bytes of the body, or before the wrong one; all: -1
		data     string
		done     bool
		err      error
	}{
		{"empty", "0\r\n\r\n", 5, "", true, nil},
		{"next message behind", "0\r\n\r\nGET /", 5, "", true, nil},
		{"one", "5\r\nhello\r\n0\r\n\r\n", 15, "hello", true, nil},
		{"several", "1\r\na\r\n00A\r\n0123456789\r\nb\r\n01234567890\r\n000\r\n\r\n", -1, "a012345678901234567890", true, nil},
		{"data that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", 17, "\r\n0\r\n\r\n", true, nil},
		{"extensions", "1;a\r\nx\r\n1;a=b;c=\"d;e\"\r\ny\r\n0;\t\x80\r\n\r\n", -1, "xy", true, nil},
		{"trailer", "0\r\nX-Sum: abc\r\nY:\r\n\r\nrest", 21, "", true, nil},
		{"trailer with a long name", "0\r\n" + strings.Repeat("Content-Length", 2) + ": a\r\n\r\n", -1, "", true, nil},
		{"cut in the size", "5", 1, "", false, nil},
		{"cut in the data", "5\r\nhel", 6, "hel", false, nil},
		{"cut behind the data", "5\r\nhello", 8, "hello", false, nil},
		{"cut before the last empty line", "0\r\n", 3, "", false, nil},
		{"cut in the last line end", "0\r\n\r", 4, "", false, nil},
		{"cut in the trailer", "0\r\nA: b\r\n", 9, "", false, nil},
		{"largest size", "fffffffffffffff\r\nab", 19, "ab", false, nil},

		{"no size", "\r\n", 0, "", false, ErrChunkSize},
		{"space before the size", " 5\r\n", 0, "", false, ErrChunkSize},
		{"sign", "-5\r\n", 0, "", false, ErrChunkSize},
		{"only an extension", ";a\r\n", 0, "", false, ErrChunkSize},
		{"prefix", "0x5\r\n", 1, "", false, ErrChunkLine},
		{"octet behind the size", "5g\r\n", 1, "", false, ErrChunkLine},
		{"space behind the size", "5 \r\n", 1, "", false, ErrChunkLine},
		{"blank before an extension", "5 ;a\r\n", 1, "", false, ErrChunkLine},
		{"16 digits", "0000000000000001\r\n", 15, "", false, ErrChunkTooLarge},
		{"more than 64 bits", "10000000000000005\r\n", 15, "", false, ErrChunkTooLarge},
		{"bare LF behind the size", "5\nhello\r\n", 1, "", false, ErrBareLF},
		{"bare CR behind the size", "5\rhello\r\n", 2, "", false, ErrBareCR},
		{"bare LF in an extension", "5;a\nhello", 3, "", false, ErrBareLF},
		{"bare CR in an extension", "5;a\rb\r\n", 4, "", false, ErrBareCR},
		{"NUL in an extension", "5;\x00\r\n", 2, "", false, ErrChunkLine},
		{"data too long", "5\r\nhello!\r\n", 8, "hello", false, ErrChunkEnd},
		{"bare LF behind the data", "5\r\nhello\n0\r\n\r\n", 8, "hello", false, ErrChunkEnd},
		{"bare CR behind the data", "5\r\nhello\r0\r\n\r\n", 9, "hello", false, ErrChunkEnd},
		{"bare LF at the end", "0\r\n\n", 3, "", false, ErrBareLF},
		{"bare CR at the end", "0\r\n\rx", 4, "", false, ErrBareCR},
		{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", 9, "", false, ErrTrailerLine},
		{"trailer without a name", "0\r\n: b\r\n\r\n", 3, "", false, ErrTrailerLine},
		{"trailer without a colon", "0\r\nab\r\n\r\n", 5, "", false, ErrTrailerLine},
		{"trailer with a space before the colon", "0\r\nA : b\r\n\r\n", 4, "", false, ErrTrailerLine},
		{"NUL in a trailer", "0\r\nA: \x00\r\n\r\n", 6, "", false, ErrTrailerLine},
		{"bare LF in a trailer", "0\r\nA: b\n\r\n", 7, "", false, ErrBareLF},
		{"bare CR in a trailer", "0\r\nA: b\rc\r\n\r\n", 8, "", false, ErrBareCR},
		{"framing in the trailer", "0\r\nX: y\r\ntransfer-ENCODING: chunked\r\n\r\n", 26, "", false, ErrTrailerField},
		{"twin in the trailer", "0\r\nContent_Length: 5\r\n\r\n", 17, "", false, ErrTrailerField},
		{"credential in the trailer", "0\r\nAuthorization: x\r\n\r\n", 16, "", false, ErrTrailerField},
		{"too long a trailer", "0\r\nA: " + long, 3 + maxTrailer, "", false, ErrTrailerTooLong},
		{"too long an extension", "1;" + long, 2 + maxExcess, "", false, ErrChunkExtension},
		{"extensions outweighed", strings.Repeat("5;abcd\r\nxxxxx\r\n", 9000) + "0\r\n\r\n", -1, strings.Repeat("xxxxx", 9000), true, nil},
		{"extensions that outweigh", strings.Repeat("1;abcd\r\nx\r\n", 3000), 2047*11 + 6, strings.Repeat("x", 2047), false, ErrChunkExtension},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.n < 0 {
				c.n = len(c.in)
			}
			for _, size := range []int{1, 2, 3, 7, 1 << 20} {
				if size < 7 && len(c.in) > 20000 {
					continue
				}
				for _, raw := range []bool{false, true} {
					if n, data, done, err := follow(chunked(), c.in, size, raw); n != c.n || data != c.data || done != c.done || err != c.err {
						t.Errorf("parts of %d (raw %v): %d, %.40q, %v, %v", size, raw, n, data, done, err)
					}
				}
			}
			splits := len(c.in)
			if splits > 1000 {
				splits = 0
			}
			for split := range splits + 1 {
				b := chunked()
				n, err := b.Next([]byte(c.in[:split]))
				if err == nil && n == split {
					var k int
					k, err = b.Next([]byte(c.in[split:]))
					n += k
				}
				if n != c.n || b.Done() != c.done || err != c.err {
					t.Errorf("split at %d: %d, %v, %v; want %d, %v, %v", split, n, b.Done(), err, c.n, c.done, c.err)
				}
			}
		})
	}
}

func TestBodyOfRequest(t *testing.T) {
	for _, c := range []struct {
		line string
		raw  int64
		done bool
	}{
		{"A: b", 0, true},
		{"Content-Length: 0", 0, true},
		{"Content-Length: 9223372036854775807", math.MaxInt64, false},
		{"Content-Length: 5", 5, false},
		{"Transfer-Encoding: chunked", 0, false},
	} {
		b := mustRequest(t, with(c.line)).Body()
		if b.Raw() != c.raw || b.Done() != c.done || b.UntilClose() {
			t.Errorf("%s: raw %d, done %v, until close %v", c.line, b.Raw(), b.Done(), b.UntilClose())
		}
	}
}

func TestBodyOfResponse(t *testing.T) {
	for _, c := range []struct {
		method, status, line string
		raw                  int64
		done, untilClose     bool
	}{
		{"GET", "200", "A: b", math.MaxInt64, false, true},
		{"GET", "200", "Content-Length: 5", 5, false, false},
		{"GET", "200", "Content-Length: 0", 0, true, false},
		{"GET", "200", "Transfer-Encoding: chunked", 0, false, false},
		{"HEAD", "200", "A: b", 0, true, false},
		{"HEAD", "200", "Content-Length: 5", 0, true, false},
		{"HEAD", "404", "Transfer-Encoding: chunked", 0, true, false},
		{"head", "200", "Content-Length: 5", 5, false, false},
		{"GET", "100", "A: b", 0, true, false},
		{"GET", "103", "Content-Length: 5", 0, true, false},
		{"GET", "101", "Upgrade: websocket", 0, true, false},
		{"GET", "204", "Content-Length: 5", 0, true, false},
		{"GET", "304", "Content-Length: 5", 0, true, false},
		{"GET", "304", "Transfer-Encoding: chunked", 0, true, false},
		{"GET", "205", "A: b", math.MaxInt64, false, true},
	} {
		r := mustResponse(t, "HTTP/1.1 "+c.status+" x\r\n"+c.line+"\r\n\r\n")
		b := r.Body([]byte(c.method))
		if b.Raw() != c.raw || b.Done() != c.done || b.UntilClose() != c.untilClose {
			t.Errorf("%s, %s, %s: raw %d, done %v, until close %v", c.method, c.status, c.line, b.Raw(), b.Done(), b.UntilClose())
		}
	}
}

func TestBodyOfLength(t *testing.T) {
	for split := range 8 {
		b := Body{framing: lengthBody, rest: 5}
		in := []byte("hello, ")
		n, err := b.Next(in[:split])
		if n != min(split, 5) || err != nil || b.Done() != (split >= 5) || b.Raw() != int64(5-n) {
			t.Errorf("%d bytes: %d, %v, done %v, raw %d", split, n, err, b.Done(), b.Raw())
		}
		b.Skip(int64(5 - n))
		if k, err := b.Next(in); k != 0 || err != nil || !b.Done() {
			t.Errorf("behind the end: %d, %v, done %v", k, err, b.Done())
		}
	}
}

func TestBodyWithoutEnd(t *testing.T) {
	b := Body{framing: closeBody}
	b.Skip(1 << 40)
	if n, err := b.Next([]byte("hello")); n != 5 || err != nil || b.Done() || b.Raw() != math.MaxInt64 {
		t.Errorf("%d, %v, done %v, raw %d", n, err, b.Done(), b.Raw())
	}
	var none Body
	if n, err := none.Next([]byte("hello")); n != 0 || err != nil || !none.Done() || none.UntilClose() || none.Raw() != 0 {
		t.Errorf("no body: %d, %v, done %v", n, err, none.Done())
	}
}

func TestSkipTooMuch(t *testing.T) {
	for name, b := range map[string]Body{"none": {}, "length": {framing: lengthBody, rest: 2}, "between chunks": chunked()} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: three bytes skipped", name)
				}
			}()
			b.Skip(3)
		}()
	}
}
