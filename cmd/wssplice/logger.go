package main

import (
	"io"
	"log/slog"
	"time"
)

// flushPatience is how long an exit waits for a standard error that is stuck.
const flushPatience = 2 * time.Second

// newHandler writes records to w, one Write a line. It neither adds nor hides
// anything: whoever logs leaves queries and tokens out.
func newHandler(w io.Writer, format logFormat, level logLevel) slog.Handler {
	opt := &slog.HandlerOptions{Level: slog.Level(level)}
	if format == "json" {
		return slog.NewJSONHandler(w, opt)
	}
	return slog.NewTextHandler(w, opt)
}

// newLogger returns a logger that never blocks its callers, and the queue behind it.
func (h *host) newLogger(format logFormat, level logLevel) (*slog.Logger, *logQueue) {
	queue := newLogQueue(h.stderr, logQueueBytes, func(out io.Writer, dropped uint64) {
		slog.New(newHandler(out, format, level)).Warn("log lines dropped", "lines", dropped)
	})
	return slog.New(newHandler(queue, format, level)), queue
}
