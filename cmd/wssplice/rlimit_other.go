//go:build !unix

package main

// descriptorLimit is for systems that have none to ask for.
func descriptorLimit() (n uint64, ok bool) { return 0, false }
