package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestAStoppedRedisIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testservers.T) *testservers.Server{
		"one server": testservers.NewRedis,
		"a cluster":  testservers.NewRedisCluster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			var c redis.UniversalClient = single(t, server.Addr)
			if name == "a cluster" {
				c = cluster(t, server.Addr)
			}
			s := open(t, c, "")
			v := put(t, s, "kept")
			do(s.Lease(t.Context(), key(), v, time.Minute))(t)
			server.Stop()
			for name, err := range calls(t.Context(), s) {
				if err == nil || !strings.HasPrefix(err.Error(), "redisstore: ") || strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v", name, err)
				}
				for _, answer := range []error{tokenstore.ErrNotFound, tokenstore.ErrConflict, tokenstore.ErrLeased} {
					if errors.Is(err, answer) {
						t.Errorf("%s concludes %v from silence", name, err)
					}
				}
			}
			server.Start()
			// The client needs a moment to believe it: after failures it dials less often.
			ctx := soon(t, time.Minute)
			_, err := s.Get(ctx, key())
			for err != nil && ctx.Err() == nil {
				_, err = s.Get(ctx, key())
			}
			holds(t, s, "kept", v)
			if _, err := s.Lease(t.Context(), key(), v, time.Minute); !errors.Is(err, tokenstore.ErrLeased) {
				t.Errorf("a lease outlives a restart: %v", err)
			}
			put(t, s, "after")
		})
	}
}

func TestScriptsThatRedisForgotAreSentAgain(t *testing.T) {
	t.Parallel()
	c := single(t, testservers.Redis(t))
	s := open(t, c, "")
	v := put(t, s, "one")
	do(c.ScriptFlush(t.Context()).Result())(t)
	v = do(s.Replace(t.Context(), key(), v, []byte("two")))(t)
	holds(t, s, "two", v)
}

func TestAFullRedisKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	c := single(t, testservers.Redis(t))
	s := open(t, c, "")
	v := put(t, s, "one")
	id := do(s.Lease(t.Context(), key(), v, time.Minute))(t)
	do(c.ConfigSet(t.Context(), "maxmemory", "1").Result())(t)
	for what, f := range map[string]func() error{
		"Put":     func() error { _, err := s.Put(t.Context(), key(), []byte("two")); return err },
		"Replace": func() error { _, err := s.Replace(t.Context(), key(), v, []byte("two")); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), "OOM") {
			t.Errorf("%s: %v", what, err)
		}
	}
	holds(t, s, "one", v)
	if _, err := s.Lease(t.Context(), key(), v, time.Minute); !errors.Is(err, tokenstore.ErrLeased) {
		t.Errorf("a write that was refused ended the lease: %v", err)
	}
	if err := s.Release(t.Context(), key(), id); err != nil {
		t.Error(err)
	}
	if _, err := s.Lease(t.Context(), key(), v, time.Minute); err == nil || errors.Is(err, tokenstore.ErrLeased) || errors.Is(err, tokenstore.ErrConflict) {
		t.Errorf("Lease: %v", err)
	}
	if err := s.Delete(t.Context(), key(), v); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), key()); err != tokenstore.ErrNotFound {
		t.Errorf("Get: %v", err)
	}
}

// losing is a connection that can lose an answer that Redis gave. What is in meanwhile
// happens before the client asks again.
type losing struct {
	net.Conn
	meanwhile *atomic.Pointer[func()]
}

func (c losing) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, err
	}
	if meanwhile := c.meanwhile.Swap(nil); meanwhile != nil {
		(*meanwhile)()
		c.Conn.Close()
		return 0, io.EOF
	}
	return n, nil
}

func TestACallWhoseAnswerWasLostHasItsEffectOnce(t *testing.T) {
	t.Parallel()
	addr := testservers.Redis(t)
	var meanwhile atomic.Pointer[func()]
	s := open(t, client(t, &redis.Options{
		Addr: addr,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return losing{c, &meanwhile}, err
		},
	}), "")
	// Redis knows the scripts, so that the answer that is lost is that of the work.
	other := open(t, single(t, addr), "")
	v := put(t, other, "")
	if err := other.Release(t.Context(), key(), do(other.Lease(t.Context(), key(), v, time.Minute))(t)); err != nil {
		t.Fatal(err)
	}
	do(other.Replace(t.Context(), key(), v, nil))(t)
	do(s.Get(t.Context(), key()))(t)
	lose := func(f func()) { meanwhile.Store(&f) }
	check := func() {
		t.Helper()
		if meanwhile.Load() != nil {
			t.Error("no answer was lost")
		}
	}
	var theirs tokenstore.LeaseID
	othersLease := func() {
		e, err := other.Get(t.Context(), key())
		if err == nil {
			theirs, err = other.Lease(t.Context(), key(), e.Version, time.Minute)
		}
		if err != nil {
			t.Errorf("another's Lease: %v", err)
		}
	}
	leased := func(s tokenstore.Store, v tokenstore.Version) {
		t.Helper()
		if _, err := s.Lease(t.Context(), key(), v, time.Minute); !errors.Is(err, tokenstore.ErrLeased) {
			t.Errorf("Lease of what another has leased: %v", err)
		}
	}

	lose(othersLease)
	v = put(t, s, "one")
	check()
	holds(t, s, "one", v)
	leased(s, v)

	lose(othersLease)
	v, err := s.Replace(t.Context(), key(), v, []byte("two"))
	if err != nil {
		t.Fatalf("Replace: %v", err)
	}
	check()
	holds(t, s, "two", v)
	leased(s, v)
	if err := other.Release(t.Context(), key(), theirs); err != nil {
		t.Error(err)
	}

	lose(func() {})
	id, err := s.Lease(t.Context(), key(), v, time.Minute)
	if err != nil {
		t.Fatalf("Lease: %v", err)
	}
	check()
	leased(other, v)

	lose(othersLease)
	if err := s.Release(t.Context(), key(), id); err != nil {
		t.Error(err)
	}
	check()
	leased(s, v)
}

// answering is a server that answers each command.
func answering(t *testing.T, answer func(args []string) string) string {
	t.Helper()
	l := do(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					args, err := command(r)
					if err != nil {
						return
					}
					if _, err := io.WriteString(c, answer(args)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// command reads an array of strings.
func command(r *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.Trim(line, "*$\r\n"))
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number()
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

func TestNoErrorQuotesWhatItIsAbout(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(args []string) string{
		"commands are renamed": func(args []string) string {
			return fmt.Sprintf("-ERR unknown command '%s', with args beginning with: '%s'\r\n", args[0], strings.Join(args[1:], "' '"))
		},
		"answers are garbage": func(args []string) string {
			if strings.EqualFold(args[0], "hello") {
				return "-ERR unknown command\r\n"
			}
			return "?" + secret + "\r\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, client(t, &redis.Options{Addr: answering(t, answer), MaxRetries: -1, DisableIdentity: true}), "")
			for name, err := range calls(t.Context(), s) {
				if err == nil || !strings.HasPrefix(err.Error(), "redisstore: ") || strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	t.Run("the keys are another's", func(t *testing.T) {
		c := single(t, testservers.Redis(t))
		s := open(t, c, "")
		do(s.Put(t.Context(), tokenstore.Key{UserID: secret}, nil))(t)
		for _, name := range names(t, c, "") {
			do(c.Set(t.Context(), name, secret, 0).Result())(t)
		}
		for name, err := range calls(t.Context(), s) {
			if err == nil || !strings.HasPrefix(err.Error(), "redisstore: ") || !strings.Contains(err.Error(), "WRONGTYPE") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("half of an entry is there", func(t *testing.T) {
		c := single(t, testservers.Redis(t))
		s := open(t, c, "")
		put(t, s, secret)
		do(c.HDel(t.Context(), names(t, c, "")[0], "version:1:x7").Result())(t)
		if _, err := s.Get(t.Context(), key()); err == nil || errors.Is(err, tokenstore.ErrNotFound) || strings.Contains(err.Error(), secret) {
			t.Errorf("Get: %v", err)
		}
	})
}

func TestACallThatHangsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, timeouts := range []bool{false, true} {
		t.Run(fmt.Sprint("ContextTimeoutEnabled ", timeouts), func(t *testing.T) {
			addr := answering(t, func([]string) string { return "" })
			s := open(t, client(t, &redis.Options{Addr: addr, ContextTimeoutEnabled: timeouts, ReadTimeout: time.Minute}), "")
			began := time.Now()
			for name, err := range calls(soon(t, 50*time.Millisecond), s) {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", name, err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Millisecond, cancel)
			for name, err := range calls(ctx, s) {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// slow is a connection whose next long write waits.
type slow struct {
	net.Conn
	waits chan struct{} // closed when one waits
	goOn  chan struct{}
}

func (c slow) Write(b []byte) (int, error) {
	if len(b) > 1000 {
		select {
		case <-c.goOn:
		default:
			close(c.waits)
			<-c.goOn
		}
	}
	return c.Conn.Write(b)
}

func TestACallThatGoesOnHasItsOwnValue(t *testing.T) {
	t.Parallel()
	addr := testservers.Redis(t)
	other := open(t, single(t, addr), "")
	put(t, other, "") // so that the script is known
	waits, goOn := make(chan struct{}), make(chan struct{})
	s := open(t, client(t, &redis.Options{
		Addr: addr,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return slow{c, waits, goOn}, err
		},
	}), "")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waits
		cancel()
	}()
	want := strings.Repeat("a", 1<<20)
	value := []byte(want)
	if _, err := s.Put(ctx, key(), value); !errors.Is(err, context.Canceled) {
		t.Fatalf("Put: %v", err)
	}
	for i := range value {
		value[i] = 'b'
	}
	close(goOn)
	for ctx := soon(t, time.Minute); ; {
		e := do(other.Get(ctx, key()))(t)
		if len(e.Value) > 0 {
			if string(e.Value) != want {
				t.Error("what the caller wrote into its slice afterwards is in the entry")
			}
			return
		}
	}
}
