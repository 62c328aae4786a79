//go:build linux

package proxy_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// A noise is a stream of bytes that its seed determines.
type noise struct {
	src *rand.ChaCha8
	sum hash.Hash
}

func newNoise(seed int) *noise {
	var key [32]byte
	copy(key[:], strconv.Itoa(seed))
	return &noise{rand.NewChaCha8(key), sha256.New()}
}

// send writes n bytes of noise in pieces of uneven sizes and adds what went out
// to written.
func (n *noise) send(w io.Writer, total int64, written *atomic.Int64) error {
	buf := make([]byte, 48<<10)
	for total > 0 {
		piece := buf[:min(total, int64(1+n.src.Uint64()%uint64(len(buf))))]
		n.src.Read(piece)
		m, err := w.Write(piece)
		if written != nil {
			written.Add(int64(m))
		}
		if err != nil {
			return err
		}
		n.sum.Write(piece)
		total -= int64(m)
	}
	return nil
}

// check reads to the clean end of r what send has sent.
func (n *noise) check(r io.Reader, total int64) error {
	if err := n.send(io.Discard, total, nil); err != nil {
		return err
	}
	got := sha256.New()
	m, err := io.CopyBuffer(got, struct{ io.Reader }{r}, make([]byte, 32<<10))
	if err != nil || m != total {
		return fmt.Errorf("want %d bytes, got %d and then %v", total, m, err)
	}
	if !bytes.Equal(got.Sum(nil), n.sum.Sum(nil)) {
		return fmt.Errorf("%d bytes with another checksum", m)
	}
	return nil
}

// exchange sends its noise to c, half-closes, and checks the noise that comes.
func exchange(c *peer, r io.Reader, out, in int, size int64) error {
	sent := make(chan error, 1)
	go func() {
		err := newNoise(out).send(c, size, nil)
		if err == nil {
			err = c.halfClose()
		}
		sent <- err
	}()
	err := newNoise(in).check(r, size)
	if serr := <-sent; serr != nil {
		return fmt.Errorf("send: %w", serr)
	}
	return err
}
