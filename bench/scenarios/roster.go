package scenarios

import "slices"

// Who takes part where. Every kind of proxy is in every kind of load that it can
// carry; a variant of one (two workers, larger buffers, splice-auto, upstream
// keep-alive) is where it changes something. What is named by --peers runs everywhere.
var (
	everybody   = []string{"direct", "wssplice", "openresty", "openresty-2w", "haproxy", "caddy", "gorevproxy", "iocopy"}
	idlePeers   = without(everybody, "openresty-2w")
	growthPeers = []string{"direct", "wssplice", "openresty", "haproxy", "gorevproxy"}
	stormPeers  = without(everybody, "caddy", "iocopy")
	pushPeers   = append(without(everybody), "haproxy-64k")
	flatPeers   = without(everybody, "caddy")
	mixedPeers  = append(without(everybody, "caddy"), "haproxy-64k")
	bulkPeers   = append(without(everybody), "haproxy-64k", "haproxy-splice")
	slowPeers   = []string{"direct", "wssplice", "openresty", "haproxy", "haproxy-64k", "gorevproxy"}
	smallPeers  = []string{"direct", "wssplice", "openresty", "openresty-ka", "openresty-2w-ka", "haproxy", "caddy", "gorevproxy"}
	bodyPeers   = []string{"direct", "wssplice", "openresty-ka", "openresty-2w-ka", "haproxy", "haproxy-64k", "haproxy-splice", "gorevproxy"}
	eventsPeers = []string{"direct", "wssplice", "openresty", "haproxy", "haproxy-nodelay", "caddy", "gorevproxy"}
)

// without copies a list and leaves some names out.
func without(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(names, s) })
}
