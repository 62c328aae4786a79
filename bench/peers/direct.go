package peers

// direct is no proxy at all: the limit of the machine and of the load
// generator, which no row below can pass.
var direct = []Peer{{Name: "direct", Title: "no proxy"}}
