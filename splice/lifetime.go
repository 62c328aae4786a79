package splice

import "time"

// lifeSteps is into how many steps a lifetime is divided: once a step, and only if
// there is a tunnel whose time has come, a loop looks for those that are too old.
const lifeSteps = 512

// Lifespan is what one tunnel has of a lifetime limit: between seven eighths of it and
// all but one step. Tunnels that began together, as after a restart, must not end
// together and come back together, so seed, which is the tunnel's own, decides how
// much. What is left of the last step is for whoever has to notice: the limit is kept.
func Lifespan(limit time.Duration, seed uint32) time.Duration {
	const bits = 16
	share := seed * 0x9E3779B1 >> (32 - bits) // Fibonacci hashing: neighbours come to lie far apart
	step := limit / lifeSteps
	return limit - step - (limit/8-step)>>bits*time.Duration(share)
}
