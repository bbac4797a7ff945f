package main

import (
	"context"
	"expvar"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/xsignin/xsignin/event"
)

// counters are the number of events of each kind since the start.
type counters struct{ events *expvar.Map }

// newCounters publishes nothing. expvar has one list for a process, so a second application in
// the process, as in tests, would find its names taken.
func newCounters() counters { return counters{new(expvar.Map).Init()} }

// tell is the kit's hook. It counts a failure by its cause.
func (c counters) tell(_ context.Context, e event.Event) {
	name := string(e.Kind)
	if e.Cause != "" {
		name += ": " + e.Cause
	}
	c.events.Add(name, 1)
}

// debug serves the operators of the application: numbers in JSON, as in expvar, and the profiles
// of net/http/pprof.
func (c counters) debug() http.Handler {
	vars := new(expvar.Map).Init()
	vars.Set("events", c.events)
	vars.Set("goroutines", expvar.Func(func() any { return runtime.NumGoroutine() }))
	vars.Set("memstats", expvar.Func(func() any {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, vars.String())
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page on another site can make its host name resolve to this machine, and then read
		// responses to a browser on this machine.
		if host, _, err := net.SplitHostPort(r.Host); err != nil || !loopback(host) {
			http.Error(w, "use a loopback address", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serveDebug serves debug on a listener until the listener is closed.
func (c counters) serveDebug(l net.Listener, log *slog.Logger) {
	srv := &http.Server{
		Handler:           c.debug(),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	_ = srv.Serve(l)
	_ = srv.Close()
}
