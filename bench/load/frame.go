package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Messages are binary WebSocket frames (RFC 6455 section 5.2): what a proxy
// relays here is what it relays in a deployment. The payload is
//
//	due time (8) | tunnel (4) | sequence (4) | filler | CRC-32C of the rest (4)
//
// so the receiver knows how long it took, that it came through the right
// tunnel, that none is missing, and that each byte is the one that was sent.
const (
	minPayload = 8 + 4 + 4 + 4
	maxPayload = 65535
	binaryHead = 0x82 // FIN, opcode 2
	closeHead  = 0x88 // FIN, opcode 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// closeFrame and maskedClose are Close frames without a status. A client's
// frames are masked; the key is zero, which leaves the payload as it is.
var (
	closeFrame  = []byte{closeHead, 0}
	maskedClose = []byte{closeHead, 0x80, 0, 0, 0, 0}
)

// message is the content of a frame besides its filler.
type message struct {
	due      int64
	tunnel   uint32
	sequence uint32
}

// newFrame lays out a frame with a payload of size bytes, to be filled by seal.
func newFrame(size int, masked bool) ([]byte, error) {
	if size < minPayload || size > maxPayload {
		return nil, fmt.Errorf("payload of %d bytes: must be %d to %d", size, minPayload, maxPayload)
	}
	head := []byte{binaryHead, byte(size)}
	if size > 125 {
		head = []byte{binaryHead, 126, byte(size >> 8), byte(size)}
	}
	if masked {
		head[1] |= 0x80
		head = append(head, 0, 0, 0, 0)
	}
	return append(head, patternAt(0, size)...), nil
}

// seal writes m and the checksum into a frame of newFrame.
func seal(frame []byte, size int, m message) {
	p := frame[len(frame)-size:]
	binary.BigEndian.PutUint64(p, uint64(m.due))
	binary.BigEndian.PutUint32(p[8:], m.tunnel)
	binary.BigEndian.PutUint32(p[12:], m.sequence)
	binary.BigEndian.PutUint32(p[size-4:], crc32.Checksum(p[:size-4], castagnoli))
}

var (
	errFrame    = errors.New("frame header that nobody sent")
	errChecksum = errors.New("message with a wrong checksum")
)

// parseFrame reads the frame at the start of b. The length n is 0 if b holds
// only a part of it. A Close frame has an empty payload.
func parseFrame(b []byte) (payload []byte, n int, err error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	if b[0] != binaryHead && b[0] != closeHead {
		return nil, 0, errFrame
	}
	size, head := int(b[1]&0x7f), 2
	if size == 126 {
		if len(b) < 4 {
			return nil, 0, nil
		}
		size, head = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	if b[1]&0x80 != 0 {
		head += 4
	}
	if size == 127 || (b[0] == binaryHead && size < minPayload) || (b[0] == closeHead && size > 125) {
		return nil, 0, errFrame
	}
	if len(b) < head+size {
		return nil, 0, nil
	}
	return b[head : head+size], head + size, nil
}

// open checks a payload and gives its message.
func open(p []byte) (message, error) {
	sum := binary.BigEndian.Uint32(p[len(p)-4:])
	if crc32.Checksum(p[:len(p)-4], castagnoli) != sum {
		return message{}, errChecksum
	}
	return message{
		due:      int64(binary.BigEndian.Uint64(p)),
		tunnel:   binary.BigEndian.Uint32(p[8:]),
		sequence: binary.BigEndian.Uint32(p[12:]),
	}, nil
}
