package xtest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an [X] that listens on 127.0.0.1. Make one with [NewServer].
type Server struct {
	*X
	URL string // such as http://127.0.0.1:40123, without a slash at the end

	srv    *http.Server
	cancel context.CancelFunc
	served chan struct{}

	mu      sync.Mutex // guards closed, and running against a late Add
	closed  bool
	running sync.WaitGroup
}

// NewServer makes an [X] and serves it by HTTP on a free port of 127.0.0.1. Close it after use. It panics when [New]
// does, and when no port can be had.
func NewServer(cfg Config) *Server {
	x := New(cfg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("xtest: " + err.Error())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		X: x, URL: "http://" + l.Addr().String(), cancel: cancel,
		served: make(chan struct{}),
	}
	x.own.Store(l.Addr().String(), true)
	s.srv = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(x.cfg.Logger.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.served)
		_ = s.srv.Serve(l)
	}()
	return s
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	s.X.ServeHTTP(w, r)
}

// Close stops listening, ends the context of every request under way, breaks their connections, and returns when
// the last handler has returned. Closing twice is harmless.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	_ = s.srv.Close()
	<-s.served
	s.running.Wait()
}
