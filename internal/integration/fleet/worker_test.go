package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// worker is a replica: a process with its own client.Manager.
type worker struct {
	x       string
	clients *client.Manager
	store   *watchedStore
	load    *load
	skew    time.Duration
	offset  atomic.Int64

	mu     sync.Mutex // guards out and cancel
	out    *json.Encoder
	cancel context.CancelFunc // of the cancellable request
}

// work runs the worker. It returns when in ends.
func work(in io.Reader, out io.Writer) error {
	lines := json.NewDecoder(bufio.NewReader(in))
	var s setup
	if err := lines.Decode(&s); err != nil {
		return err
	}
	w := &worker{x: s.X, skew: s.Skew, out: json.NewEncoder(out)}
	w.offset.Store(int64(s.Offset))
	w.load = newLoad(w.request)
	end, err := w.open(s)
	if err != nil {
		return err
	}
	w.say("ready")
	for {
		var c command
		if err := lines.Decode(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		go func() {
			a, err := w.run(c)
			a.ID = c.ID
			if err != nil {
				a.Err = err.Error()
			}
			w.write(a)
		}()
	}
	w.load.stop()
	return end()
}

// open creates the client.Manager like an application that uses the packages.
func (w *worker) open(s setup) (end func() error, err error) {
	store, closeStore, err := s.Backend.open()
	if err != nil {
		return nil, err
	}
	w.store = &watchedStore{Store: store, say: w.say}
	vault, err := tokenstore.NewVault(w.store, []byte(secret))
	if err != nil {
		return nil, err
	}
	x, err := provider.NewX(provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback,
		APIURL: s.X, Now: w.now,
	})
	if err != nil {
		return nil, err
	}
	w.clients, err = client.New(client.Config{
		Vault: vault, Providers: []provider.Provider{x}, Timeout: s.Timeout, Now: w.now,
		OnEvent: func(_ context.Context, e event.Event) { w.say(string(e.Kind)) },
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return errors.Join(w.clients.Close(ctx), closeStore())
	}, nil
}

// now is the replica's clock, which may be wrong.
func (w *worker) now() time.Time { return time.Now().Add(w.skew + time.Duration(w.offset.Load())) }

func (w *worker) say(event string) { w.write(answer{Event: event}) }

func (w *worker) write(a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.out.Encode(a) // The answer cannot be delivered: the test has ended, and the worker ends soon.
}

func (w *worker) run(c command) (a answer, err error) {
	switch c.Op {
	case "clock":
		w.offset.Store(int64(c.Offset))
	case "do":
		a.Outcomes = w.burst(context.Background(), c.Users[0], c.N)
	case "do until cancelled":
		ctx, cancel := context.WithCancel(context.Background())
		w.mu.Lock()
		w.cancel = cancel
		w.mu.Unlock()
		a.Outcomes = w.burst(ctx, c.Users[0], 1)
	case "cancel":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cancel()
	case "block":
		w.store.block.Store(&c.Name)
	case "serve":
		a.Addr, err = w.serve()
	case "reads":
		a.Reads = w.store.reads.Load()
	case "load":
		w.load.start(c.Users)
	case "phase":
		w.load.enter(c.Name)
	case "await":
		w.load.await(c.N)
	case "recover":
		w.load.recover(c.N)
	case "tally":
		w.load.stop()
		a.Load = w.load.tally()
	default:
		err = fmt.Errorf("unknown command %q", c.Op)
	}
	return a, err
}

// burst makes n requests at once.
func (w *worker) burst(ctx context.Context, user string, n int) outcomes {
	ended := make(chan string, n)
	begin := make(chan struct{})
	for range n {
		go func() {
			<-begin
			ended <- w.request(ctx, user)
		}()
	}
	close(begin)
	all := outcomes{}
	for range n {
		all[<-ended]++
	}
	return all
}

// request asks X for the user with the user's client, and returns the outcome.
func (w *worker) request(ctx context.Context, user string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.x+"/2/users/me", http.NoBody)
	if err != nil {
		return err.Error()
	}
	resp, err := w.clients.Client(r.Context(), keyOf(user)).Do(r)
	switch {
	case errors.Is(err, client.ErrReauthRequired):
		return signInAgain
	case errors.Is(err, client.ErrUnavailable):
		return unavailable
	case errors.Is(err, context.Canceled):
		return left
	case err != nil:
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	var me struct{ Data struct{ ID string } }
	if err := json.Unmarshal(body, &me); err != nil || me.Data.ID != user {
		return fmt.Sprintf("answered for %q", me.Data.ID)
	}
	return good
}

// serve starts a site whose page makes one request for the user in its path, with the visitor's
// context.
func (w *worker) serve() (addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		how := w.request(r.Context(), r.URL.Path[1:])
		if how == left {
			w.say("visitor left")
		}
		_, _ = io.WriteString(out, how)
	})}
	go func() { _ = srv.Serve(l) }()
	return l.Addr().String(), nil
}

// watchedStore counts reads, and blocks forever at the step at which a test kills the worker.
type watchedStore struct {
	tokenstore.Store
	say   func(event string)
	reads atomic.Int64
	block atomic.Pointer[string]
}

// The steps at which a worker may be killed.
const (
	afterLease    = "lease taken"
	beforeReplace = "about to save"
)

func (s *watchedStore) reached(place string) {
	if p := s.block.Load(); p != nil && *p == place {
		s.say(place)
		select {}
	}
}

func (s *watchedStore) Get(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
	s.reads.Add(1)
	return s.Store.Get(ctx, k)
}

func (s *watchedStore) Lease(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	id, err := s.Store.Lease(ctx, k, v, d)
	if err == nil {
		s.reached(afterLease)
	}
	return id, err
}

func (s *watchedStore) Replace(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	s.reached(beforeReplace)
	return s.Store.Replace(ctx, k, v, value)
}
