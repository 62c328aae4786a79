package splice

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"unsafe"
)

// An idle tunnel is one entry: this is what it costs, and the collector must not
// have to look into it.
func TestEntryIsSmallAndPlain(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 128 {
		t.Errorf("an entry takes %d bytes, more than 128", size)
	} else {
		t.Logf("an entry takes %d bytes", size)
	}
	var plain func(at string, typ reflect.Type)
	plain = func(at string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Struct:
			for i := range typ.NumField() {
				plain(at+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		case reflect.Array:
			plain(at+"[]", typ.Elem())
		case reflect.Pointer, reflect.UnsafePointer, reflect.Slice, reflect.String, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
			t.Errorf("%s is a %s: the collector would scan every tunnel", at, typ.Kind())
		}
	}
	plain("chunk", reflect.TypeFor[chunk]())
}

func TestTableFindsWhatItHolds(t *testing.T) {
	var tab table
	const many = 5*chunkSize + 7
	refs, entries := make([]Ref, many), make([]*entry, many)
	for i := range refs {
		refs[i], entries[i] = tab.take(kindGuest)
		entries[i].port = uint16(i)
	}
	for i, ref := range refs {
		e := tab.get(ref)
		if e != entries[i] {
			t.Fatalf("entry %d moved while the table grew", i)
		}
		if e.port != uint16(i) {
			t.Fatalf("entry %d was given out twice", i)
		}
		if e.fd != [2]int32{-1, -1} || e.kind != kindGuest || e.held != [2]int32{} {
			t.Fatalf("entry %d is not fresh: %+v", i, *e)
		}
	}
}

func TestTableStaleRefFindsNobody(t *testing.T) {
	var tab table
	old, e := tab.take(kindTunnel)
	tab.put(old)
	if tab.get(old) != nil {
		t.Error("a freed slot is still found")
	}
	fresh, again := tab.take(kindGuest)
	if e != again || fresh.slot() != old.slot() {
		t.Fatal("the slot was not used again: this test shows nothing")
	}
	if fresh == old || tab.get(old) != nil {
		t.Error("a Ref to what has gone finds its successor")
	}
	if tab.get(fresh) != again {
		t.Error("the successor is not found")
	}
	for _, ref := range []Ref{0, makeRef(0, 0), makeRef(-1, 1), makeRef(chunkSize, fresh.gen()), makeRef(1<<30, fresh.gen()), makeRef(1, fresh.gen())} {
		if tab.get(ref) != nil {
			t.Errorf("Ref %#x finds an entry", uint64(ref))
		}
	}
}

// Generation 0 is the zero Ref's, which must name nothing.
func TestTableGenerationSkipsZero(t *testing.T) {
	tab := table{gen: ^uint32(0)}
	if ref, e := tab.take(kindGuest); ref.gen() != 1 || e.gen != 1 {
		t.Errorf("generation %d after the last, wanted 1", ref.gen())
	}
}

func (t *table) allocated() (n int) {
	for _, c := range t.chunks {
		if c != nil {
			n++
		}
	}
	return n
}

func TestTableGivesChunksBack(t *testing.T) {
	var tab table
	var refs []Ref
	for range 20 * chunkSize {
		ref, _ := tab.take(kindTunnel)
		refs = append(refs, ref)
	}
	if n := tab.allocated(); n != 20 {
		t.Fatalf("%d chunks for %d entries", n, len(refs))
	}
	// All but one entry of the third chunk go, in a disorderly way.
	stays := refs[2*chunkSize+5]
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	for _, ref := range refs {
		if ref != stays {
			tab.put(ref)
		}
	}
	if n := tab.allocated(); n != 2 {
		t.Errorf("%d chunks are kept for one entry, wanted its own and one spare", n)
	}
	if tab.get(stays) == nil {
		t.Error("the entry that stayed is gone")
	}
	tab.put(stays)
	if n := tab.allocated(); n != 1 {
		t.Errorf("%d chunks are kept for nobody, wanted one spare", n)
	}
}

func TestTableFillsLowChunksFirst(t *testing.T) {
	var tab table
	var refs []Ref
	for range 3 * chunkSize {
		ref, _ := tab.take(kindTunnel)
		refs = append(refs, ref)
	}
	tab.put(refs[2*chunkSize])
	tab.put(refs[5])
	if ref, _ := tab.take(kindTunnel); ref.slot() != refs[5].slot() {
		t.Errorf("slot %d was taken while the lower %d was free", ref.slot(), refs[5].slot())
	}
}

func TestTableEachMayFreeWhatItIsGiven(t *testing.T) {
	var tab table
	want := map[Ref]bool{}
	for i := range 3 * chunkSize {
		ref, _ := tab.take(kindTunnel - kind(i%2)*(kindTunnel-kindGuest))
		want[ref] = i%2 == 0
	}
	seen := 0
	tab.each(kindTunnel, func(ref Ref, e *entry) {
		if !want[ref] || tab.get(ref) != e {
			t.Fatalf("each came to %#x, which is no tunnel", uint64(ref))
		}
		delete(want, ref)
		tab.put(ref)
		seen++
	})
	if seen != 3*chunkSize/2 {
		t.Errorf("each came to %d of %d tunnels", seen, 3*chunkSize/2)
	}
	for ref := range want {
		if tab.get(ref) == nil {
			t.Fatalf("each freed a guest")
		}
	}
}

// TestTableAgainstMap plays at random and compares with a map.
func TestTableAgainstMap(t *testing.T) {
	var tab table
	random := rand.New(rand.NewPCG(3, 4))
	held, gone := map[Ref]uint16{}, []Ref{}
	var order []Ref
	for step := range 200_000 {
		// Grow for a while, shrink for a while.
		if grow := step/20_000%2 == 0; len(order) == 0 || random.IntN(10) < 4 == !grow {
			ref, e := tab.take(kindTunnel)
			if _, twice := held[ref]; twice {
				t.Fatalf("step %d: %#x was given out twice", step, uint64(ref))
			}
			e.port = uint16(step)
			held[ref] = uint16(step)
			order = append(order, ref)
		} else {
			i := random.IntN(len(order))
			ref := order[i]
			if e := tab.get(ref); e == nil || e.port != held[ref] {
				t.Fatalf("step %d: %#x is lost", step, uint64(ref))
			}
			tab.put(ref)
			delete(held, ref)
			order[i] = order[len(order)-1]
			order = order[:len(order)-1]
			gone = append(gone, ref)
		}
		if len(gone) > 0 && tab.get(gone[random.IntN(len(gone))]) != nil {
			t.Fatalf("step %d: a Ref to what has gone finds somebody", step)
		}
	}
	used := 0
	for _, c := range tab.chunks {
		if c != nil {
			used += int(c.used)
		}
	}
	if used != len(held) {
		t.Errorf("the chunks count %d entries, there are %d", used, len(held))
	}
}
