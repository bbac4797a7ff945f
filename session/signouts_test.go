package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// noteStore is a token store that counts reads, can fail, and can hang until told.
type noteStore struct {
	*tokenstore.Memory
	// lose: the answer of the next write is lost.
	lose atomic.Bool

	mu   sync.Mutex // guards what follows
	gets int
	fail error
	hang chan struct{}
	get  func(key tokenstore.Key)
}

// remove deletes an entry in any version.
func (s *noteStore) remove(ctx context.Context, key tokenstore.Key) error {
	e, err := s.Memory.Get(ctx, key)
	if err != nil {
		return err
	}
	return s.Memory.Delete(ctx, key, e.Version)
}

func newNotes() *noteStore { return &noteStore{Memory: tokenstore.NewMemory()} }

func (s *noteStore) set(fail error, hang chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.hang = fail, hang
}

func (s *noteStore) reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

func (s *noteStore) state() (hang chan struct{}, fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hang, s.fail
}

func (s *noteStore) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	s.mu.Lock()
	s.gets++
	get := s.get
	s.mu.Unlock()
	if get != nil {
		get(key)
	}
	hang, fail := s.state()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return tokenstore.Entry{}, ctx.Err()
		}
	}
	if fail != nil {
		return tokenstore.Entry{}, fail
	}
	return s.Memory.Get(ctx, key)
}

func (s *noteStore) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	if _, fail := s.state(); fail != nil {
		return "", fail
	}
	version, err := s.Memory.Replace(ctx, key, v, value)
	if err == nil && s.lose.CompareAndSwap(true, false) {
		return "", errStore
	}
	return version, err
}

func newSignOuts(t testing.TB, store tokenstore.Store) *session.SignOuts {
	t.Helper()
	return signOutsWith(t, session.SignOutsConfig{Store: store, Logger: quiet()})
}

func signOutsWith(t testing.TB, cfg session.SignOutsConfig) *session.SignOuts {
	t.Helper()
	s, err := session.NewSignOuts(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func end(t testing.TB, s *session.SignOuts, users ...string) {
	t.Helper()
	for _, u := range users {
		if err := s.End(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

// wantEnded checks a session of before everything.
func wantEnded(t testing.TB, s *session.SignOuts, userID string, want bool) {
	t.Helper()
	if got, err := s.Ended(t.Context(), userID, 0); got != want || err != nil {
		t.Fatalf("%s's session ended: %t, %v; want %t", userID, got, err, want)
	}
}

// pages are how many closed pages there are.
func pages(t testing.TB, fresh *session.SignOuts) (closed, open int) {
	t.Helper()
	wantEnded(t, fresh, "somebody else", false)
	return fresh.Known()
}

func TestASignOutEverywhereHoldsAtOnceHereAndSoonElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		a, b := newSignOuts(t, store), newSignOuts(t, store)
		wantEnded(t, a, "ann", false)
		wantEnded(t, b, "ann", false)
		end(t, a, "ann")
		wantEnded(t, a, "ann", true)
		wantEnded(t, a, "bob", false)
		// Old enough to be read again, and young enough not to be waited for.
		time.Sleep(2100 * time.Millisecond)
		wantEnded(t, b, "ann", false)
		synctest.Wait()
		wantEnded(t, b, "ann", true)
		// A replica that was idle does not begin by letting an ended session in.
		end(t, a, "bob")
		time.Sleep(4100 * time.Millisecond)
		wantEnded(t, b, "bob", true)
	})
}

func TestASessionKnowsWhereTheListStood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		a, b := newSignOuts(t, store), newSignOuts(t, store)
		before, err := b.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		end(t, a, "ann")
		// b's list is old, and yet a sign-in there is one of after.
		after, err := b.Position(t.Context())
		if err != nil || after <= before {
			t.Fatalf("position %d after %d, %v", after, before, err)
		}
		for _, s := range []*session.SignOuts{a, b} {
			for position, want := range map[uint64]bool{before: true, after - 1: true, after: false, after + 1: false} {
				if got, err := s.Ended(t.Context(), "ann", position); got != want || err != nil {
					t.Errorf("position %d: %t, %v", position, got, err)
				}
			}
		}
		// Once more: the one of between has ended, too.
		end(t, b, "ann")
		if got, err := b.Ended(t.Context(), "ann", after); !got || err != nil {
			t.Errorf("%t, %v", got, err)
		}
	})
}

// TestClocksDoNotMatter: a replica a year behind signs out, and the position goes up.
func TestClocksDoNotMatter(t *testing.T) {
	t.Parallel()
	store := newNotes()
	var before uint64
	s := newSignOuts(t, store) // the real clock, decades ahead of a bubble's
	end(t, s, "ann")
	before, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		behind := newSignOuts(t, store)
		end(t, behind, "ann")
		if got, err := behind.Ended(t.Context(), "ann", before); !got || err != nil {
			t.Errorf("%t, %v", got, err)
		}
	})
}

func TestNoStoreReadPerRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		s := newSignOuts(t, store)
		end(t, s, "ann")
		began := store.reads()
		for range 100 {
			for range 100 {
				wantEnded(t, s, "ann", true)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := store.reads() - began; n != 0 {
			t.Errorf("%d reads in a second", n)
		}
		// A crowd that finds the list old makes one read.
		hang := make(chan struct{})
		store.set(nil, hang)
		time.Sleep(4 * time.Second)
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { wantEnded(t, s, "ann", true) })
		}
		synctest.Wait()
		close(hang)
		all.Wait()
		if n := store.reads() - began; n != 1 {
			t.Errorf("%d reads for a crowd", n)
		}
	})
}

func TestWhereTheListIsFreshNothingIsAllocated(t *testing.T) {
	for name, users := range map[string][]string{"nobody": nil, "somebody": {"ann"}} {
		s := newSignOuts(t, newNotes())
		wantEnded(t, s, "bob", false)
		end(t, s, users...)
		long := strings.Repeat("b", 200)
		if n := testing.AllocsPerRun(500, func() { s.Ended(t.Context(), long, 0) }); n != 0 {
			t.Errorf("with %s on the list: %v allocations", name, n)
		}
	}
}

func BenchmarkEnded(b *testing.B) {
	for _, n := range []int{0, 1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newSignOuts(b, newNotes())
			for i := range n {
				end(b, s, fmt.Sprint(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Ended(b.Context(), "2244994945", 0)
			}
		})
	}
}

// Who is told that nothing has changed must not have been signed out.
func TestAWriteWhoseAnswerIsLostCounts(t *testing.T) {
	t.Parallel()
	store := newNotes()
	s := newSignOuts(t, store)
	store.lose.Store(true)
	end(t, s, "ann")
	wantEnded(t, s, "ann", true)
	wantEnded(t, newSignOuts(t, store), "ann", true)
	if _, open := s.Known(); open != 1 {
		t.Errorf("%d entries", open)
	}
}

func TestPagesAreClosedAndDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		cfg := session.SignOutsConfig{Store: store, Lifetime: 24 * time.Hour, Logger: quiet()}
		a, b := signOutsWith(t, cfg), signOutsWith(t, cfg)
		a.SetPageSize(10)
		b.SetPageSize(10)
		for i := range 100 {
			// A user of the open page is moved, not entered twice.
			end(t, a, fmt.Sprint(i), fmt.Sprint(i))
			time.Sleep(time.Hour / 2)
		}
		if closed, open := pages(t, newSignOuts(t, store)); closed != 90 || open != 10 {
			t.Errorf("%d and %d users", closed, open)
		}
		for i := range 100 {
			wantEnded(t, b, fmt.Sprint(i), true)
		}
		// Fifty hours have gone; the lifetime and a day are two days.
		end(t, b, "last")
		keys, _, err := store.Walk(t.Context(), "", 100)
		if n := slices.Index(keys, tokenstore.Key{Provider: ".signouts", UserID: "head"}); err != nil || n < 0 {
			t.Errorf("%v, %v", keys, err)
		}
		time.Sleep(47 * time.Hour)
		end(t, b, "very last")
		fresh := newSignOuts(t, store)
		if closed, open := pages(t, fresh); closed+open > 12 {
			t.Errorf("%d and %d users are left", closed, open)
		}
		wantEnded(t, fresh, "last", true)
		wantEnded(t, fresh, "0", false)
		time.Sleep(49 * time.Hour)
		end(t, a, "alone")
		fresh = newSignOuts(t, store)
		if closed, open := pages(t, fresh); closed != 0 || open != 1 {
			t.Errorf("%d and %d users are left", closed, open)
		}
		// Whoever has been there all the time does not remember more.
		for _, s := range []*session.SignOuts{a, b} {
			time.Sleep(5 * time.Second)
			if closed, open := pages(t, s); closed != 0 || open != 1 {
				t.Errorf("%d and %d users are left in memory", closed, open)
			}
		}
	})
}

// twiceStore sends a write again although the first one arrived, as some drivers do.
type twiceStore struct {
	*noteStore
	twice bool
}

func (s *twiceStore) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	if s.twice {
		s.twice = false
		if _, err := s.noteStore.Replace(ctx, key, v, value); err != nil {
			return "", err
		}
	}
	return s.noteStore.Replace(ctx, key, v, value)
}

func TestAConflictWithItsOwnWriteLosesNoPage(t *testing.T) {
	t.Parallel()
	store := &twiceStore{noteStore: newNotes()}
	s := newSignOuts(t, store)
	s.SetPageSize(2)
	end(t, s, "1", "2")
	store.twice = true
	end(t, s, "3")
	fresh := newSignOuts(t, store)
	for _, user := range []string{"1", "2", "3"} {
		wantEnded(t, fresh, user, true)
	}
}

func TestManyWritersOnTwoHandles(t *testing.T) {
	t.Parallel()
	// In a bubble no time passes while somebody works, so a slow machine ends no sign-out.
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		handles := []*session.SignOuts{newSignOuts(t, store), newSignOuts(t, store)}
		for _, h := range handles {
			h.SetPageSize(5)
		}
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				if err := handles[i%2].End(t.Context(), fmt.Sprint(i)); err != nil {
					t.Errorf("%d: %v", i, err)
				}
				// The two handles at once, and the same user in both.
				if err := handles[i%2].End(t.Context(), "everybody"); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		all.Wait()
		fresh := newSignOuts(t, store)
		for i := range 64 {
			wantEnded(t, fresh, fmt.Sprint(i), true)
			wantEnded(t, handles[i%2], fmt.Sprint(i), true)
		}
		wantEnded(t, fresh, "everybody", true)
	})
}

func TestAPageThatWasDroppedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		cfg := session.SignOutsConfig{Store: store, Lifetime: time.Hour, Logger: quiet()}
		a := signOutsWith(t, cfg)
		a.SetPageSize(2)
		end(t, a, "1", "2", "3")
		time.Sleep(26 * time.Hour)
		b := signOutsWith(t, cfg)
		ended := false
		store.mu.Lock()
		store.get = func(key tokenstore.Key) {
			if key.UserID != "head" && !ended { // b has the head and is about to read the page
				ended = true
				end(t, a, "4") // reads and drops the page
			}
		}
		store.mu.Unlock()
		wantEnded(t, b, "4", true)
	})
}

func TestWhatCannotBeReadIsNoEmptyList(t *testing.T) {
	t.Parallel()
	head := tokenstore.Key{Provider: ".signouts", UserID: "head"}
	for name, damage := range map[string]func(t *testing.T, store *noteStore){
		"a head of a newer version": func(t *testing.T, store *noteStore) { overwrite(t, store, head, append([]byte{2}, make([]byte, 9)...)) },
		"an empty head":             func(t *testing.T, store *noteStore) { overwrite(t, store, head, nil) },
		"half a head": func(t *testing.T, store *noteStore) {
			e, err := store.Memory.Get(t.Context(), head)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, store, head, e.Value[:len(e.Value)-1])
		},
		"a page that is missing": func(t *testing.T, store *noteStore) {
			if err := store.remove(t.Context(), page(t, store)); err != nil {
				t.Fatal(err)
			}
		},
		"a page of a newer version": func(t *testing.T, store *noteStore) { overwrite(t, store, page(t, store), []byte{2}) },
		"half a page":               func(t *testing.T, store *noteStore) { overwrite(t, store, page(t, store), []byte{1, 2}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newNotes()
				old := newSignOuts(t, store)
				old.SetPageSize(2)
				end(t, old, "1", "2", "3")
				damage(t, store)
				s := newSignOuts(t, store)
				if ended, err := s.Ended(t.Context(), "9", 0); ended || err == nil || !strings.HasPrefix(err.Error(), "session: ") {
					t.Errorf("%t, %v", ended, err)
				}
				if _, err := s.Position(t.Context()); err == nil {
					t.Error("somebody could sign in")
				}
				if err := s.End(t.Context(), "9"); err == nil {
					t.Error("it was written over")
				}
				if strings.HasSuffix(name, "page") || strings.HasPrefix(name, "a page") {
					return // old has read it
				}
				// Whoever could read it before does not go by the past.
				time.Sleep(5 * time.Second)
				if _, err := old.Ended(t.Context(), "9", 0); err == nil {
					t.Error("an old list stands for one that cannot be read")
				}
			})
		})
	}
}

func overwrite(t *testing.T, store tokenstore.Store, key tokenstore.Key, value []byte) {
	t.Helper()
	if _, err := store.Put(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

// page is the key of the closed page, whose name is in the head.
func page(t *testing.T, store *noteStore) tokenstore.Key {
	t.Helper()
	e, err := store.Memory.Get(t.Context(), tokenstore.Key{Provider: ".signouts", UserID: "head"})
	if err != nil || len(e.Value) < 37 {
		t.Fatalf("%v, %v", e, err)
	}
	return tokenstore.Key{Provider: ".signouts", UserID: string(e.Value[11:37])}
}

func TestTheStoreIsAwayAtFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		store.set(errStore, nil)
		s := newSignOuts(t, store)
		if _, err := s.Ended(t.Context(), "ann", 0); !errors.Is(err, errStore) {
			t.Errorf("%v", err)
		}
		if err := s.End(t.Context(), "ann"); !errors.Is(err, errStore) {
			t.Errorf("%v", err)
		}
		// A store that says nothing is waited for, and not for long.
		store.set(nil, make(chan struct{}))
		began := time.Now()
		if _, err := s.Ended(t.Context(), "ann", 0); err == nil || time.Since(began) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Ended(gone, "ann", 0); err == nil {
			t.Error("no error")
		}
		store.set(nil, nil)
		time.Sleep(2 * time.Second)
		wantEnded(t, s, "ann", false)
	})
}

func TestTheStoreIsAwayLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store := newNotes()
		s := signOutsWith(t, session.SignOutsConfig{Store: store, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		other := newSignOuts(t, store)
		end(t, s, "ann")
		for range 2 {
			log.Reset()
			store.set(errStore, nil)
			for range 100 {
				time.Sleep(time.Second / 2)
				wantEnded(t, s, "ann", true)
				wantEnded(t, s, "bob", false)
			}
			synctest.Wait()
			if n := strings.Count(log.String(), "cannot be read"); n != 1 {
				t.Errorf("%d lines: %s", n, &log)
			}
			store.set(nil, nil)
			time.Sleep(5 * time.Second)
			wantEnded(t, s, "ann", true)
			synctest.Wait()
			if !strings.Contains(log.String(), "can be read again") {
				t.Errorf("%s", &log)
			}
		}
		// Away while somebody is signed out: seen within five seconds of its return.
		store.set(errStore, nil)
		time.Sleep(5 * time.Second)
		wantEnded(t, s, "bob", false)
		synctest.Wait()
		store.set(nil, nil)
		end(t, other, "bob")
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
			if _, err := s.Ended(t.Context(), "bob", 0); err != nil {
				t.Fatal(err)
			}
		}
		wantEnded(t, s, "bob", true)
	})
}

func TestAStoreThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		s := newSignOuts(t, store)
		end(t, s, "ann")
		store.set(nil, make(chan struct{}))
		for range 50 {
			time.Sleep(300 * time.Millisecond)
			began := time.Now()
			wantEnded(t, s, "ann", true)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("a request waited %v", took)
			}
		}
		store.set(nil, nil)
	})
}

func TestAReadUnderWayDoesNotTakeASignOutBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		s := newSignOuts(t, store)
		wantEnded(t, s, "ann", false)
		time.Sleep(3 * time.Second)
		// The read in the background has what it read, and tells late.
		late := make(chan struct{})
		slow := &slowGet{noteStore: store, late: late}
		s2 := newSignOuts(t, slow)
		wantEnded(t, s2, "ann", false)
		time.Sleep(3 * time.Second)
		slow.arm()
		wantEnded(t, s2, "ann", false)
		synctest.Wait()
		end(t, s2, "ann")
		wantEnded(t, s2, "ann", true)
		close(late)
		synctest.Wait()
		wantEnded(t, s2, "ann", true)
	})
}

// slowGet answers one read late, with what it found at first.
type slowGet struct {
	*noteStore
	late  chan struct{}
	mu    sync.Mutex // guards armed
	armed bool
}

func (s *slowGet) arm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = true
}

func (s *slowGet) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	e, err := s.noteStore.Get(ctx, key)
	s.mu.Lock()
	wait := s.armed
	s.armed = false
	s.mu.Unlock()
	if wait {
		<-s.late
	}
	return e, err
}

// TestTheStoreLosesTheList: what this process knows stays, and what follows works.
func TestTheStoreLosesTheList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		s := newSignOuts(t, store)
		end(t, s, "ann")
		position, err := s.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := store.remove(t.Context(), tokenstore.Key{Provider: ".signouts", UserID: "head"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		wantEnded(t, s, "ann", true)
		again, err := s.Position(t.Context())
		if ended, _ := s.Ended(t.Context(), "ann", again); ended || err != nil {
			t.Errorf("who signs in now is signed out, %v", err)
		}
		other := newSignOuts(t, store)
		end(t, other, "ann")
		if ended, err := other.Ended(t.Context(), "ann", position); !ended || err != nil {
			t.Errorf("a session of before the loss is not ended: %v", err)
		}
	})
}

func TestCloseWaitsForTheRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		s := newSignOuts(t, store)
		wantEnded(t, s, "ann", false)
		hang := make(chan struct{})
		store.set(nil, hang)
		time.Sleep(3 * time.Second)
		wantEnded(t, s, "ann", false)
		closed := make(chan error, 1)
		go func() { closed <- s.Close(context.Background()) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while a read was under way")
		default:
		}
		close(hang)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		before := store.reads()
		wantEnded(t, s, "ann", false)
		if store.reads() != before {
			t.Error("it reads on")
		}

		s = newSignOuts(t, store)
		store.set(nil, make(chan struct{}))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = s.Ended(gone, "ann", 0)
		if err := s.Close(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestNewSignOutsTellsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := session.NewSignOuts(session.SignOutsConfig{Lifetime: -1})
	if err == nil || !strings.Contains(err.Error(), "Store") || !strings.Contains(err.Error(), "Lifetime") {
		t.Errorf("%v", err)
	}
	s := newSignOuts(t, newNotes())
	if text := fmt.Sprintf("%v %+v %#v %v", s, s, s, session.SignOutsConfig{Store: newNotes()}); strings.Contains(text, "mu") {
		t.Error(text)
	}
}

// TestAReplicaReadsThePagesThatAreNew: those it knows are not read again.
func TestAReplicaReadsThePagesThatAreNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		a, b := newSignOuts(t, store), newSignOuts(t, store)
		a.SetPageSize(2)
		end(t, a, "1", "2", "3") // one page is closed
		wantEnded(t, b, "1", true)
		for i, want := range []int{2, 2, 1} { // the head, and the page that was closed before
			end(t, a, fmt.Sprint(4+2*i))
			if i < 2 {
				end(t, a, fmt.Sprint(5+2*i))
			}
			time.Sleep(5 * time.Second)
			before := store.reads()
			wantEnded(t, b, fmt.Sprint(4+2*i), true)
			if n := store.reads() - before; n != want {
				t.Errorf("round %d: %d reads, want %d", i, n, want)
			}
			for user := range 3 + 2*i {
				wantEnded(t, b, fmt.Sprint(1+user), true)
			}
		}
	})
}

// TestNobodyWaitsRightAfterAFailure: an outage does not make every request slow.
func TestNobodyWaitsRightAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotes()
		s := newSignOuts(t, store)
		wantEnded(t, s, "ann", false)
		store.set(errStore, nil)
		time.Sleep(5 * time.Second)
		wantEnded(t, s, "ann", false)
		before := store.reads()
		for range 100 {
			wantEnded(t, s, "ann", false)
			synctest.Wait()
		}
		if n := store.reads() - before; n != 0 {
			t.Errorf("%d reads right after a failure", n)
		}
	})
}
