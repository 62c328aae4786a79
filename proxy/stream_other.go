//go:build !linux || portable

package proxy

import "github.com/wssplice/wssplice/httphead"

// toLoop has no loop to go to: an event stream keeps its goroutine.
func (x *exchange) toLoop(httphead.Body, bool) bool { return false }
