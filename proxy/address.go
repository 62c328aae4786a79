package proxy

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// checkHostPort checks an address to listen on. A host may be a name.
func checkHostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("write host:port, :port or unix:/path")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("the port %q must be 0 to 65535", port)
	}
	return nil
}
