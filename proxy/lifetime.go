package proxy

import (
	"math/rand/v2"
	"time"

	"github.com/wssplice/wssplice/splice"
)

// live puts an answer under the lifetime limit if it is an event stream, of which so
// much is over.
func (x *exchange) live(age time.Duration) {
	x.life, x.born = 0, time.Since(epoch)-age
	if limit := x.p.set.TunnelLifetime; limit > 0 && x.events {
		x.life = splice.Lifespan(limit, rand.Uint32())
	}
}

// waitAlive is wait, or less if the stream ends before that. With over it has to end
// now.
func (x *exchange) waitAlive(wait time.Duration) (alive time.Duration, over bool) {
	if x.life <= 0 {
		return wait, false
	}
	left := x.born + x.life - time.Since(epoch)
	// A limit may be an eighth late, and this one must not.
	if alive = max(left/9*8, time.Millisecond); wait > 0 && wait < alive {
		alive = wait
	}
	return alive, left <= 0
}
