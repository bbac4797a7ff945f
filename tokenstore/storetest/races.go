package storetest

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/xsignin/xsignin/tokenstore"
)

// crowd is how many goroutines use a store at a time, half of them through another
// handle.
const crowd = 64

// atOnce runs f in a crowd, and returns when all have ended.
func (s *subject) atOnce(f func(s *subject, i int)) {
	s.t.Helper()
	handles := []*subject{s, s.replica()}
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			<-begin
			f(handles[i%2], i)
		})
	}
	close(begin)
	all.Wait()
}

// vault returns a vault over the store.
func (s *subject) vault() *tokenstore.Vault {
	v, err := tokenstore.NewVault(s.Store, make([]byte, 32))
	s.check(err == nil, "NewVault: %v", err)
	return v
}

// oneWins runs f in a crowd, and returns the number of the goroutine that got no error.
// There must be one, and all others must get want.
func (s *subject) oneWins(what string, want error, f func(s *subject, i int) error) int {
	s.t.Helper()
	errs := make([]error, crowd)
	s.atOnce(func(s *subject, i int) { errs[i] = f(s, i) })
	winner, won := 0, 0
	for i, err := range errs {
		if err == nil {
			winner = i
			won++
			continue
		}
		s.is(what, err, want)
	}
	s.must(won == 1, "%s: %d of %d succeeded, want 1", what, won, crowd)
	return winner
}

func raceRules() []rule {
	return []rule{
		{
			"one of many conditional writes wins",
			"Replace is atomic: of all that name one version at the same time one succeeds, and the others get ErrConflict.",
			func(s *subject) {
				v := s.put(key(), "one")
				for range 3 {
					versions := make([]tokenstore.Version, crowd)
					winner := s.oneWins("Replace", tokenstore.ErrConflict, func(s *subject, i int) (err error) {
						versions[i], err = s.Replace(s.ctx, key(), v, []byte(strconv.Itoa(i)))
						return err
					})
					v = versions[winner]
					s.holds(key(), strconv.Itoa(winner), v)
				}
			},
		},
		{
			"one of many makes an entry",
			"Of all that make one entry at the same time, by Replace with the zero Version, one succeeds, and the others get ErrConflict.",
			func(s *subject) {
				for range 3 {
					s.oneWins("Replace with the zero Version", tokenstore.ErrConflict, func(s *subject, i int) error {
						_, err := s.Replace(s.ctx, key(), "", []byte(strconv.Itoa(i)))
						return err
					})
					s.remove(key())
				}
			},
		},
		{
			"one of many owns an account",
			"Of all users who take one account at the same time, by Vault.ReplaceOwner, one succeeds and is the owner, and the others get ErrConflict.",
			func(s *subject) {
				users := make([]string, crowd)
				winner := s.oneWins("ReplaceOwner of an account without an owner", tokenstore.ErrConflict, func(s *subject, i int) error {
					users[i] = "user " + strconv.Itoa(i)
					_, err := s.vault().ReplaceOwner(s.ctx, "x", "2244994945", "", tokenstore.Owner{UserID: users[i]})
					return err
				})
				got, v, err := s.vault().Owner(s.ctx, "x", "2244994945")
				s.must(err == nil && got.UserID == users[winner], "Owner = %q, error %v, want %q", got.UserID, err, users[winner])
				s.lists(got.UserID)
				_, err = s.vault().ReplaceOwner(s.ctx, "x", "2244994945", v, tokenstore.Owner{})
				s.must(err == nil, "ReplaceOwner by none: %v", err)
				_, _, err = s.vault().Owner(s.ctx, "x", "2244994945")
				s.is("Owner of an account that is free again", err, tokenstore.ErrNotFound)
			},
		},
		{
			"a delete and a write do not both succeed",
			"Delete is atomic: it removes the version named, or returns ErrConflict and leaves what a Replace at the same time wrote.",
			func(s *subject) {
				for range 3 {
					v := s.put(key(), "one")
					errs := make([]error, crowd)
					s.atOnce(func(s *subject, i int) {
						if i%2 == 0 {
							errs[i] = s.Delete(s.ctx, key(), v)
							return
						}
						_, errs[i] = s.Replace(s.ctx, key(), v, []byte("two"))
					})
					replaced := 0
					for i, err := range errs {
						if i%2 == 1 && err == nil {
							replaced++
						}
						s.check(err == nil || errors.Is(err, tokenstore.ErrConflict), "error %v, want none or ErrConflict", err)
					}
					_, err := s.Get(s.ctx, key())
					s.check(replaced == 1 && err == nil || replaced == 0 && errors.Is(err, tokenstore.ErrNotFound),
						"%d writes succeeded, and then Get returns error %v", replaced, err)
				}
			},
		},
		{
			"no conditional write is lost",
			"A Replace that returned nil was done on the version named: a counter that many increase by Get and Replace counts all of them.",
			func(s *subject) {
				s.put(key(), "0")
				s.atOnce(func(s *subject, _ int) {
					for {
						e, err := s.Get(s.ctx, key())
						n, _ := strconv.Atoi(string(e.Value))
						if err == nil {
							_, err = s.Replace(s.ctx, key(), e.Version, []byte(strconv.Itoa(n+1)))
						}
						if !errors.Is(err, tokenstore.ErrConflict) {
							s.check(err == nil, "Get or Replace: %v", err)
							return
						}
					}
				})
				got := string(s.get(key()).Value)
				s.check(got == strconv.Itoa(crowd), "counted %s of %d", short(got), crowd)
			},
		},
		{
			"one of many gets the lease",
			"Lease is atomic: of all that ask for one version at the same time one gets it, and the others a *LeasedError.",
			func(s *subject) {
				v := s.put(key(), "one")
				for range 3 {
					ids := make([]tokenstore.LeaseID, crowd)
					winner := s.oneWins("Lease", tokenstore.ErrLeased, func(s *subject, i int) (err error) {
						ids[i], err = s.Lease(s.ctx, key(), v, long)
						return err
					})
					s.release(key(), ids[winner])
				}
			},
		},
		{
			"no reader sees half of a write",
			"Each method is atomic: what Get returns is one state, its whole value in its own version.",
			func(s *subject) {
				var mu sync.Mutex // guards the maps
				wrote := make(map[tokenstore.Version]string)
				type seen struct {
					version tokenstore.Version
					value   string
				}
				read := make(map[seen]bool)
				var writers atomic.Int32
				writers.Store(crowd / 2)
				s.atOnce(func(s *subject, i int) {
					if i%4 < 2 {
						defer writers.Add(-1)
						value := strings.Repeat(string(rune('a'+i%26)), 1000*(1+i%9))
						v, err := s.Put(s.ctx, key(), []byte(value))
						s.check(err == nil, "Put: %v", err)
						mu.Lock()
						defer mu.Unlock()
						wrote[v] = value
						return
					}
					if i%16 > 3 {
						return // many readers would only slow the writers down
					}
					for last := false; !last; {
						last = writers.Load() == 0
						e, err := s.Get(s.ctx, key())
						if errors.Is(err, tokenstore.ErrNotFound) {
							continue
						}
						s.check(err == nil, "Get: %v", err)
						if err != nil {
							return
						}
						mu.Lock()
						read[seen{e.Version, string(e.Value)}] = true
						mu.Unlock()
					}
				})
				for r := range read {
					s.check(wrote[r.version] == r.value, "version %q was read as %s and written as %s", r.version, short(r.value), short(wrote[r.version]))
				}
			},
		},
	}
}
