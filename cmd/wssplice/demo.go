package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/wssplice/wssplice/cmd/wssplice/demo"
)

// demoFlags are the flags of demo.
type demoFlags struct {
	Listen   text     `placeholder:"ADDR" help:"of the page and the upgrades (127.0.0.1:8080, or a free port)"`
	LogLevel logLevel `placeholder:"LEVEL" default:"warn" help:"of the proxy: debug, info, warn or error"`
}

// demo runs everything in one process until a signal ends it.
func (h *host) demo(f *demoFlags) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// From the first signal on, a second one ends the program in its default way.
	context.AfterFunc(ctx, stop)

	log, queue := h.newLogger("text", f.LogLevel)
	defer queue.Close(flushPatience)
	if err := demo.Run(ctx, h.stdout, demo.Options{Listen: string(f.Listen), Logger: log}); err != nil {
		return h.fail(exitFailed, err)
	}
	return exitStopped
}
