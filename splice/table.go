package splice

import "net/netip"

// Ref names a guest or tunnel of a loop: a slot of its table and the slot's
// generation, so that a Ref to what has gone never reaches its successor.
// The zero Ref names nothing.
type Ref uint64

func makeRef(slot int32, gen uint32) Ref { return Ref(gen)<<32 | Ref(uint32(slot)) }

// Slot is the number of the table's slot. The lowest that are free are used first, so
// that a list by slot is as long as there were guests and tunnels at most.
func (r Ref) Slot() int { return int(r.slot()) }

func (r Ref) slot() int32 { return int32(uint32(r)) }
func (r Ref) gen() uint32 { return uint32(r >> 32) }

type kind uint8

const (
	kindFree kind = iota
	kindGuest
	kindTunnel
	kindKept
)

// flowState is what a flow remembers between events.
type flowState uint16

const (
	flowMore    flowState = 1 << iota // the source may hold bytes, or a FIN, not read yet
	flowUntil                         // read on until 0, EAGAIN or an error: a FIN or reset is there
	flowBlocked                       // the destination is full; its EPOLLOUT goes on
	flowEOF                           // the source's FIN was read
	flowShut                          // the FIN was passed on, or the flow is given up
	flowBulk                          // the source has more than a bufferful at a time
	flowSlow                          // the destination was full under splice: copy for a while
	flowError                         // the source has, or had, an error to tell
	flowFIN                           // the source's FIN has come, maybe behind bytes
)

// entry is all that is known of a tunnel. It holds no pointer, so the garbage
// collector never looks at the table, and no buffer, so that an idle tunnel is
// this and two descriptors. What a Keeper has uses some of it too.
type entry struct {
	gen     uint32 // never 0 in use
	guest   int32  // kindGuest: index in Loop.guests; kindFree: next free slot of the chunk, or -1
	fd      [2]int32
	held    [2]int32 // per flow: index in Loop.held plus 1; 0: nothing held back
	kind    kind
	flow    [2]flowState
	watched uint8  // bit per side: it is in the epoll set
	armed   uint8  // bit per side: EPOLLOUT is in its registration
	broken  uint8  // bit per side: reset, or gone without a FIN
	first   uint8  // 1 plus the side that ended its direction first; 0: none yet
	level   bool   // registered level-triggered
	half    bool   // on Loop.half
	queued  bool   // on Loop.again
	why     Reason // of the first side to break
	last    uint32 // tick in which the last byte moved
	port    uint16 // of the client
	addr    [16]byte
	unsent  uint32 // on Loop.half: what was not acknowledged at the last look
	born    uint32 // tick in which it began, by the clock of the loop that it is on
	opened  int64  // Unix nanoseconds, for End alone: that clock may be set
	moved   [2]uint64
}

func (e *entry) peer() netip.AddrPort {
	a := netip.AddrFrom16(e.addr).Unmap()
	if a.IsUnspecified() {
		return netip.AddrPort{} // a unix socket's client has no address
	}
	return netip.AddrPortFrom(a, e.port)
}

// chunkSize entries are allocated together: the table grows without copying what
// is in use, and gives memory back a chunk at a time once a chunk is empty.
const chunkSize = 256

type chunk struct {
	free    int32 // first free slot in the chunk, or -1
	used    int32
	entries [chunkSize]entry
}

// table is the slots of one loop. The lowest chunk with room is filled first, so
// that after a peak the high chunks run empty and can go.
type table struct {
	chunks []*chunk // nil: an empty chunk that was given back
	room   int      // no chunk below this one has a free slot
	empty  int      // chunks that are allocated and unused: 0 or 1
	gen    uint32
	kept   int // entries of kindKept
}

// get returns the entry that ref names, or nil if it has gone.
func (t *table) get(ref Ref) *entry {
	slot := ref.slot()
	i := int(slot) / chunkSize
	if slot < 0 || i >= len(t.chunks) || t.chunks[i] == nil {
		return nil
	}
	e := &t.chunks[i].entries[slot%chunkSize]
	if e.gen != ref.gen() || e.kind == kindFree {
		return nil
	}
	return e
}

// take returns a fresh entry of kind k. The pointer is good until put.
func (t *table) take(k kind) (Ref, *entry) {
	i := t.room
	for i < len(t.chunks) && t.chunks[i] != nil && t.chunks[i].free < 0 {
		i++
	}
	t.room = i
	if i == len(t.chunks) {
		t.chunks = append(t.chunks, nil)
	}
	c := t.chunks[i]
	if c == nil {
		c = new(chunk)
		for j := range c.entries {
			c.entries[j].guest = int32(j + 1)
		}
		c.entries[chunkSize-1].guest = -1
		t.chunks[i] = c
		t.empty++
	}
	if c.used == 0 {
		t.empty--
	}
	j := c.free
	e := &c.entries[j]
	c.free = e.guest
	c.used++
	t.gen++
	if t.gen == 0 {
		t.gen = 1
	}
	*e = entry{kind: k, gen: t.gen, guest: -1, fd: [2]int32{-1, -1}}
	return makeRef(int32(i*chunkSize)+j, e.gen), e
}

// put frees ref's slot. One empty chunk is kept for the next tunnels, further ones go.
func (t *table) put(ref Ref) {
	i, j := int(ref.slot())/chunkSize, ref.slot()%chunkSize
	c := t.chunks[i]
	if c.entries[j].kind == kindKept {
		t.kept--
	}
	c.entries[j] = entry{guest: c.free}
	c.free = j
	c.used--
	t.room = min(t.room, i)
	if c.used > 0 {
		return
	}
	if t.empty > 0 {
		t.chunks[i] = nil
	} else {
		t.empty++
	}
}

// each calls f for every entry of kind k. f may free the entry that it is given,
// and no other.
func (t *table) each(k kind, f func(Ref, *entry)) {
	for i, c := range t.chunks {
		if c == nil || c.used == 0 {
			continue
		}
		for j := range c.entries {
			if e := &c.entries[j]; e.kind == k {
				f(makeRef(int32(i*chunkSize+j), e.gen), e)
			}
		}
	}
}
