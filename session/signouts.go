package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// renewAfter is the age at which the list is read again in the background.
	renewAfter = 2 * time.Second
	// waitAfter is the age at which a request waits for that. With the time that it
	// waits, and that a read takes, it keeps what [NewSignOuts] promises.
	waitAfter = 4 * time.Second
	// pauseAfter is how long after a read that failed nobody waits for another.
	pauseAfter = 3 * time.Second
	// callTime bounds one call to the store, and how long a request waits.
	callTime = 2 * time.Second
	// readTime bounds a read of the list, which is one call unless much is new.
	readTime = 10 * time.Second
	// writeTime bounds a sign-out, with all it has to do over when others write.
	writeTime = 5 * time.Second
	// keepMargin is how much longer than the longest session an entry is kept, for
	// clocks that are off.
	keepMargin = 24 * time.Hour
)

// errSignOuts says that what is in the store is not a list that this package can
// read. It must not count as an empty one.
var errSignOuts = errors.New("session: the list of users signed out everywhere is damaged, or a newer version of this package wrote it: update this program, or delete all entries of the token store whose Provider is .signouts, which forgets the sign-outs so far")

// SignOutsConfig says how [NewSignOuts] keeps its list.
type SignOutsConfig struct {
	// Store keeps the list, beside the tokens that may be in it. Replicas that share
	// their sessions share it too. Required.
	Store tokenstore.Store

	// Lifetime is the longest that a session lasts, [Config.Lifetime] or that of the
	// manager given to [FromSCS]: a user is on the list for as long and a day more. Zero
	// means [DefaultLifetime]. An application that moves the deadlines of its sessions
	// beyond that (scs's SetDeadline), or has shortened it while sessions were open, sets it
	// to the longest of them: a session that outlives the list's entry is open again.
	Lifetime time.Duration

	// Logger is told when the list cannot be read, once until it can be again. Nil
	// means [slog.Default].
	Logger *slog.Logger
}

// SignOuts is the list of users who were signed out everywhere. Managers that are
// given it, by [Config] or [FromSCSConfig], take no older session of such a user for
// open. Goroutines may share a SignOuts, and Managers may.
//
// The list holds the first half of a SHA-256 of each user's ID and a position,
// which goes up with each sign-out. A session knows the position at which the list
// stood when its user signed in, and has ended if the list has the user further up. No
// clock tells which of the two came first, so who signs in again is signed in, on any
// replica, at once. Clocks only tell when an entry is of no use any more; those of
// replicas may be up to a day apart.
//
// Where the store has lost the list, sign-outs of before are forgotten, with the
// sessions they ended unless those were used since. Later ones work.
type SignOuts struct {
	store    tokenstore.Store
	lifetime time.Duration
	logger   *slog.Logger
	pageSize int

	// list is what the store held, as far as this process knows; nil before the first
	// read. It is replaced under mu and never changed.
	list atomic.Pointer[signOutList]
	// reads numbers the reads in the order of their beginnings.
	reads atomic.Uint64
	// writing is full while a sign-out is written: several at once would only make
	// each other begin anew.
	writing chan struct{}

	// base is the context of reads in the background; it ends with Close. A request's
	// would end a read for which others wait.
	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex    // guards what follows, and writes to list
	flight  chan struct{} // closed at the end of the read under way; nil if there is none
	trouble error         // why the last read failed; nil if it did not
	failed  time.Time     // when it did
	closed  bool
}

// NewSignOuts returns a list in cfg.Store. It does not speak to the store before the
// first request of somebody who is signed in, or the first sign-in.
//
// A sign-out holds at once in the process that was told, and within five seconds in
// the others, as long as the store answers. It costs no store read per request: the
// list is in memory, and read again, in the background, by the first request that finds
// it two seconds old; a request that finds it four seconds old waits for that, for two
// seconds at most. A read is one Get of at most 45 KiB, and of a few bytes while
// nobody is on the list.
//
// While the store does not answer the last list that was read serves on, and the log
// tells. A process that has never read it, or that finds it unreadable, vouches for
// nobody: [Manager.Get] and the others return an error, since an open session might be
// one that was ended.
//
// The keys of its entries begin with a dot, so that they are no provider's. The list
// holds 250,000 sign-outs of the last Lifetime; then [Manager.SignOutEverywhere] fails.
func NewSignOuts(cfg SignOutsConfig) (*SignOuts, error) {
	var errs []error
	if cfg.Store == nil {
		errs = append(errs, errors.New("session: SignOutsConfig.Store is missing: pass the token store"))
	}
	if cfg.Lifetime < 0 {
		errs = append(errs, fmt.Errorf("session: SignOutsConfig.Lifetime %v is negative", cfg.Lifetime))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	cfg.Lifetime = min(cfg.Lifetime, maxLifetime)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	s := &SignOuts{
		store: cfg.Store, lifetime: cfg.Lifetime, logger: cfg.Logger, pageSize: signOutPageSize,
		writing: make(chan struct{}, 1),
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Close ends the reading in the background and waits for a read under way; when ctx
// ends before, that read is cut off and Close returns ctx's error. The store stays
// open. Closing twice is harmless. Requests afterwards are answered by the last list.
func (s *SignOuts) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("session: closed before the list of sign-outs was read: %w", ctx.Err())
		s.cancel()
		<-done
	}
	s.cancel()
	return err
}

// ended reports whether the session of userID that knows the position has been ended
// everywhere. It neither locks nor allocates where the
// list is fresh.
func (s *SignOuts) ended(ctx context.Context, userID string, position uint64) (bool, error) {
	list := s.list.Load()
	if !list.younger(renewAfter, time.Now()) {
		var err error
		if list, err = s.renew(ctx); err != nil {
			return false, err
		}
	}
	return list.ended(userID, position), nil
}

// none reports whether nobody is on the list. False may mean that it is not known.
func (s *SignOuts) none() bool {
	if s == nil {
		return true
	}
	list := s.list.Load()
	return list.younger(renewAfter, time.Now()) && list.empty()
}

// position is where the list stands now: what somebody who signs in has to know. It
// asks the store, as the list in memory may lack a sign-out just made elsewhere.
func (s *SignOuts) position(ctx context.Context) (uint64, error) {
	if s == nil {
		return 0, nil
	}
	list, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	return list.position, nil
}

// renew sees to it that the list is read, and returns the one to go by.
func (s *SignOuts) renew(ctx context.Context) (*signOutList, error) {
	list, flight, trouble := s.begin()
	if list.younger(waitAfter, time.Now()) {
		return list, nil
	}
	if flight != nil {
		timer := time.NewTimer(callTime)
		defer timer.Stop()
		select {
		case <-flight:
		case <-timer.C:
		case <-ctx.Done():
		}
		s.mu.Lock()
		list, trouble = s.list.Load(), s.trouble
		s.mu.Unlock()
	}
	switch {
	case errors.Is(trouble, errSignOuts):
		return nil, trouble
	case list != nil:
		return list, nil
	case trouble != nil:
		return nil, fmt.Errorf("session: whether a session was ended elsewhere is not known yet: %w", trouble)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, errors.New("session: whether a session was ended elsewhere is not known yet: the token store has not answered")
}

// begin starts a read where one is due, and returns the one under way.
func (s *SignOuts) begin() (list *signOutList, flight chan struct{}, trouble error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list = s.list.Load()
	// A process that cannot vouch for anybody has no reason to hold back: one read at a
	// time is gentle enough.
	pause := list != nil && s.trouble != nil && time.Since(s.failed) < pauseAfter
	if s.flight == nil && !s.closed && !pause && !list.younger(renewAfter, time.Now()) {
		flight := make(chan struct{})
		s.flight = flight
		s.wg.Go(func() { s.fly(flight) })
	}
	return list, s.flight, s.trouble
}

// fly is a read in the background.
func (s *SignOuts) fly(flight chan struct{}) {
	ctx, cancel := context.WithTimeout(s.base, readTime)
	defer cancel()
	_, err := s.read(ctx)
	s.mu.Lock()
	before, unread := s.trouble, s.list.Load() == nil
	s.flight, s.trouble, s.failed = nil, err, time.Now()
	quiet := s.base.Err() != nil
	s.mu.Unlock()
	close(flight)
	switch {
	case quiet || (err == nil) == (before == nil):
	case err == nil:
		s.logger.InfoContext(ctx, "session: the list of users signed out everywhere can be read again")
	case unread || errors.Is(err, errSignOuts):
		s.logger.ErrorContext(ctx, "session: the list of users signed out everywhere cannot be read, so nobody counts as signed in", "err", err)
	default:
		s.logger.ErrorContext(ctx, "session: the list of users signed out everywhere cannot be read; the last one serves on", "err", err)
	}
}
