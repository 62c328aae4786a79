// Package browsertest opens the page of `wssplice demo` in Debian's chromium:
//
//	go test -v .
//	SCREENSHOTS=/tmp/shots go test -v .
//
// It is a module of its own so that wssplice does not require a browser driver,
// and it skips where there is no chromium.
package browsertest
