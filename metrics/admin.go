package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin describes the admin server. Gatherer and Ready must be set.
type Admin struct {
	// Gatherer gives what /metrics shows.
	Gatherer prometheus.Gatherer

	// Ready answers /readyz: (*proxy.Proxy).Ready.
	Ready func() bool

	// Logger takes what goes wrong in the server. If nil, nothing is logged.
	Logger *slog.Logger
}

// Every answer is small, so these are short; a scraper keeps its connection
// between scrapes, which are seldom more than a minute apart.
const (
	adminHeadTimeout  = 5 * time.Second
	adminWriteTimeout = 30 * time.Second
	adminIdleTimeout  = 2 * time.Minute
	adminHeadBytes    = 16 << 10
)

// Server returns a server for the admin address. It answers GET and HEAD:
//
//	/         what there is
//	/metrics  for Prometheus
//	/healthz  200 while the process lives
//	/readyz   200 while new connections are accepted, otherwise 503
func (a Admin) Server() *http.Server {
	log := a.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           a.handler(log),
		ReadHeaderTimeout: adminHeadTimeout,
		ReadTimeout:       adminHeadTimeout,
		WriteTimeout:      adminWriteTimeout,
		IdleTimeout:       adminIdleTimeout,
		MaxHeaderBytes:    adminHeadBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),

		// Otherwise net/http answers "OPTIONS *" on its own.
		DisableGeneralOptionsHandler: true,
	}
}

func (a Admin) handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	// A pattern with GET takes HEAD as well; ServeMux answers 405 to the rest.
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// One collector in trouble must not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusOK, "alive\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if a.Ready() {
			text(w, http.StatusOK, "ready\n")
		} else {
			text(w, http.StatusServiceUnavailable, "not accepting connections\n")
		}
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusOK, index)
	})
	return mux
}

const index = `wssplice admin

/metrics  counters for Prometheus
/healthz  200 while the process lives
/readyz   200 while new connections are accepted, otherwise 503
`

func text(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", fmt.Sprint(len(body)))
	// A cached answer would tell a balancer what was true earlier.
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, body)
}
