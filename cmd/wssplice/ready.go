package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// readyFlags are the flags of ready. It reads serve's variable, so that a container's
// health check needs no argument.
type readyFlags struct {
	Admin text `placeholder:"ADDR" default:"127.0.0.1:9090" help:"where the admin address of the wssplice to ask is"`
}

// readyPatience is how long ready waits: health checks give up after some seconds.
const readyPatience = 2 * time.Second

// ready asks a running wssplice whether it accepts connections: the health check of
// an image that holds no other program.
func (h *host) ready(f *readyFlags) int {
	if err := askReady(string(f.Admin)); err != nil {
		return h.fail(exitFailed, err)
	}
	fmt.Fprintln(h.stdout, "ready")
	return exitStopped
}

func askReady(admin string) error {
	if admin == "" {
		return errors.New("there is no admin address to ask: set --admin or WSSPLICE_ADMIN")
	}
	host, port, err := net.SplitHostPort(admin)
	if err != nil {
		return fmt.Errorf("admin address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address, this one among them
	}
	client := http.Client{Timeout: readyPatience}
	resp, err := client.Get("http://" + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: /readyz answers %s", resp.Status)
	}
	return nil
}
