package proxy

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// warner says what the operator should look into, each kind of trouble at most
// once in warnEvery, with the number of times that it was not said: a mail server
// that is down for a minute is one line, not one for each browser.
type warner struct {
	log *slog.Logger
	mu  sync.Mutex
	by  map[string]*warning
}

type warning struct {
	limit  *rate.Limiter
	unsaid uint64
}

const warnEvery = 10 * time.Second

func (w *warner) warn(msg string, attrs ...slog.Attr) {
	w.mu.Lock()
	k := w.by[msg]
	if k == nil {
		k = &warning{limit: rate.NewLimiter(rate.Every(warnEvery), 1)}
		w.by[msg] = k
	}
	if !k.limit.Allow() {
		k.unsaid++
		w.mu.Unlock()
		return
	}
	unsaid := k.unsaid
	k.unsaid = 0
	w.mu.Unlock()
	if unsaid > 0 {
		attrs = append(attrs, slog.Uint64("unsaid", unsaid))
	}
	w.log.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}
