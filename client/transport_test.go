package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// body tells whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

func newBody(s string) *body { return &body{Reader: strings.NewReader(s)} }

func (w *world) kill(access string) {
	w.x.set(func(s *service) { delete(s.access, access) })
}

func TestUnauthorizedIsRetriedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		body   io.Reader
		noBody bool
		want   string
	}{
		"no body":           {nil, false, "GET /p Bearer access-1\nGET /p Bearer access-2"},
		"http.NoBody":       {http.NoBody, false, "POST /p Bearer access-1\nPOST /p Bearer access-2"},
		"replayable body":   {strings.NewReader("text"), false, "POST /p Bearer access-1 text\nPOST /p Bearer access-2 text"},
		"body without copy": {newBody("text"), true, "POST /p Bearer access-1 text"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.signIn()
				w.kill("access-1")
				method := "POST"
				if test.body == nil {
					method = "GET"
				}
				r, err := http.NewRequestWithContext(w.Context(), method, "https://api.test/p", test.body)
				if err != nil {
					w.Fatal(err)
				}
				resp, err := w.pool.Client(context.Background(), user).Do(r)
				if err != nil {
					w.Fatal(err)
				}
				if want := map[bool]int{true: 401, false: 200}[test.noBody]; resp.StatusCode != want {
					w.Errorf("status %d, want %d", resp.StatusCode, want)
				}
				if b, err := io.ReadAll(resp.Body); err != nil || len(b) == 0 {
					w.Errorf("body %q, %v", b, err)
				}
				synctest.Wait()
				got := ""
				_, _, got = w.x.count()
				// The fake marks a body with a blank even where it is empty.
				if got = strings.ReplaceAll(got+"\n", " \n", "\n"); got != test.want+"\n" {
					w.Errorf("calls:\n%s\nwant:\n%s", got, test.want)
				}
				w.wantAsked(1)
				w.wantToken("access-2") // also where the request itself was not sent again
				w.wantAsked(1)
			})
		})
	}
}

// TestAnAnswerShowsNoToken: programs print the request of an answer when something is amiss.
func TestAnAnswerShowsNoToken(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		for _, refused := range []bool{false, true} {
			if refused {
				w.kill("access-1")
			}
			r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, "https://api.test/p", http.NoBody)
			if err != nil {
				w.Fatal(err)
			}
			r.Header.Set("X-Mine", "stays")
			resp, err := w.pool.Client(context.Background(), user).Do(r)
			if err != nil {
				w.Fatal(err)
			}
			_ = resp.Body.Close()
			shown, err := httputil.DumpRequestOut(resp.Request, false)
			if err != nil || resp.StatusCode != 200 || strings.Contains(string(shown), "access-") || !strings.Contains(string(shown), "X-Mine: stays") {
				w.Errorf("refused at first %t: status %d, %v\n%s", refused, resp.StatusCode, err, shown)
			}
		}
	})
}

func TestUnauthorizedMany(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		w.kill("access-1")
		w.x.during = func(context.Context) error { time.Sleep(time.Second); return nil }
		done := make(chan bool)
		for range 100 {
			go func() { w.wantToken("access-2"); done <- true }()
		}
		for range 100 {
			<-done
		}
		w.wantAsked(1)
		// A request that was under way with the old token asks for no refresh.
		if c, err := w.pool.acquire(w.Context(), w.pool.users.get(user), refreshRequest{bad: "access-1"}); err != nil || c.token.AccessToken != "access-2" {
			w.Errorf("acquire = %v, %v", c, err)
		}
		w.wantAsked(1)
	})
}

// X's API has answered 401 to good tokens for a day.
func TestUnauthorizedOutage(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.answer = func(r *http.Request) *http.Response { return answer(r, 401, "Unauthorized") }
		for range 1000 {
			w.wantToken("401")
		}
		w.wantAsked(1)
		for range 24 * 60 {
			time.Sleep(time.Minute)
			w.wantToken("401")
		}
		if asked, _, _ := w.x.count(); asked > 40 {
			w.Errorf("X was asked %d times in a day", asked)
		}
		w.x.set(func(s *service) { s.answer = nil })
		if got, err := w.do(); err != nil || !strings.HasPrefix(got, "access-") {
			w.Errorf("after the outage: %q, %v", got, err)
		}
	})
}

// TestUnauthorizedAgainSoon: tokens that really die are refreshed each time.
func TestUnauthorizedAgainSoon(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		for i := 1; i <= 5; i++ {
			w.kill(fmt.Sprint("access-", i))
			w.wantToken(fmt.Sprint("access-", i+1))
			w.wantAsked(i)
		}
	})
}

// TestUnauthorizedTwice: X revokes the token of the refresh too, before a request succeeds.
func TestUnauthorizedTwice(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.kill("access-1")
		w.x.after = func(context.Context) error {
			w.x.set(func(s *service) {
				for token := range s.access {
					s.access[token] = s.issued > 2
				}
			})
			return nil
		}
		w.wantToken("401")
		w.wantToken("401")
		w.wantAsked(1)
		time.Sleep(time.Minute)
		w.wantToken("access-3")
		// A success ends the quiet time, also the longer one.
		w.kill("access-3")
		w.wantToken("access-4")
	})
}

// TestUnauthorizedAfterASignInElsewhere: a 401 in the quiet time finds a newer token.
func TestUnauthorizedAfterASignInElsewhere(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.answer = func(r *http.Request) *http.Response { return answer(r, 401, "Unauthorized") }
		w.wantToken("401")
		w.kill("access-2")
		w.x.set(func(s *service) { s.answer = nil })
		w.signIn() // on another replica
		w.wantToken("access-3")
		w.wantAsked(1)
	})
}

// TestUnauthorizedAndOutageInTurn: that a retry is not answered 401 shows nothing yet.
func TestUnauthorizedAndOutageInTurn(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		calls := 0
		w.x.answer = func(r *http.Request) *http.Response {
			calls++
			return answer(r, []int{503, 401}[calls%2], "no")
		}
		for range 50 {
			_, _ = w.do()
			time.Sleep(time.Second)
		}
		w.wantAsked(1)
	})
}

func TestUnauthorizedAndRefused(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.kill("access-1")
		w.x.set(func(s *service) { delete(s.refresh, "refresh-1") })
		err := w.wantErr(ErrReauthRequired)
		if !errors.As(err, new(*url.Error)) {
			w.Errorf("%T", err)
		}
		w.wantEvents("sign_in_again:token_refused")
	})
}

func TestUnauthorizedAndNoRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.kill("access-1")
		w.x.set(func(s *service) { s.down = errors.New("no route") })
		w.wantToken("401")
		w.wantToken("401")
		w.wantAsked(1)
	})
	bubble(t, func(w *world) { // the caller leaves
		w.signIn()
		w.kill("access-1")
		w.x.during = func(context.Context) error { time.Sleep(5 * time.Second); return nil }
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if _, err := w.doContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("request: %v", err)
		}
	})
	bubble(t, func(w *world) { // a body that cannot be had again
		w.signIn()
		w.kill("access-1")
		r, _ := http.NewRequestWithContext(w.Context(), "POST", "https://api.test/p", strings.NewReader("x"))
		r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("file is gone") }
		resp, err := w.pool.Client(context.Background(), user).Do(r)
		if err != nil || resp.StatusCode != 401 {
			w.Errorf("Do = %v, %v", resp, err)
		}
	})
}

func TestUnauthorizedOAuth1(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(tokenstore.Token{AccessToken: "dead", TokenSecret: "s"})
		w.wantToken("401")
		w.wantAsked(0)
		// The user has signed in on another replica: the store is read again.
		w.signInWith(tokenstore.Token{AccessToken: "access-1", TokenSecret: "s"})
		w.x.set(func(s *service) { s.access["access-1"] = true })
		w.wantToken("access-1")
		time.Sleep(1000 * time.Hour)
		w.wantToken("access-1")
		w.wantAsked(0)
	})
}

func TestOtherAnswersPassThrough(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.answer = func(r *http.Request) *http.Response {
			resp := answer(r, 429, "Too Many Requests")
			resp.Header.Set("x-rate-limit-remaining", "0")
			return resp
		}
		resp, err := w.pool.Client(context.Background(), user).Get("https://api.test/2/users/me")
		if err != nil || resp.StatusCode != 429 || resp.Header.Get("x-rate-limit-remaining") != "0" {
			w.Fatalf("Get = %v, %v", resp, err)
		}
		w.wantToken("429")
		if _, _, calls := w.x.count(); strings.Count(calls, "\n") != 1 {
			w.Errorf("calls:\n%s", calls)
		}
	})
}

// TestAnswersWithoutBody: net/http's own client accepts them from a transport, too.
func TestAnswersWithoutBody(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusUnauthorized} {
		bubble(t, func(w *world) {
			w.signInWith(tokenstore.Token{AccessToken: "access-1", TokenSecret: "s"})
			w.x.answer = func(r *http.Request) *http.Response { return &http.Response{StatusCode: status, Request: r} }
			ctx, cancel := context.WithCancel(w.Context())
			defer cancel()
			resp, err := w.pool.Client(ctx, user).Get("https://api.test/p")
			if err != nil {
				w.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); err != nil || len(b) > 0 || resp.Body.Close() != nil || resp.StatusCode != status {
				w.Errorf("status %d, body %q, %v", resp.StatusCode, b, err)
			}
		})
	}
}

func TestForeignHosts(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		for _, to := range []string{"http://api.test/p", "https://evil.test/p?secret", "https://api.test:8443/"} {
			b := newBody("x")
			r, _ := http.NewRequestWithContext(w.Context(), "POST", to, b)
			_, err := w.pool.Client(context.Background(), user).Do(r)
			origin, _, _ := strings.Cut(to, "/p")
			why := errors.Unwrap(err) // of the *url.Error, which has the whole URL
			if !errors.Is(err, ErrForeignHost) || !strings.Contains(why.Error(), `"x"`) ||
				!strings.Contains(why.Error(), strings.TrimSuffix(origin, "/")+" (") || strings.Contains(why.Error(), "secret") {
				w.Errorf("%s: %v", to, why)
			}
			if !b.closed {
				w.Errorf("%s: the body is left open", to)
			}
		}
		if _, _, calls := w.x.count(); calls != "" || w.store.count("get") != 0 {
			w.Errorf("something was sent or read: %s", calls)
		}
	})
}

func TestRedirects(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.answer = func(r *http.Request) *http.Response {
			resp := answer(r, 307, "")
			switch r.URL.Path {
			case "/away":
				resp.Header.Set("Location", "https://evil.test/p")
			case "/near":
				resp.Header.Set("Location", "/2/users/me")
			default:
				return nil
			}
			return resp
		}
		if _, err := w.pool.Client(context.Background(), user).Get("https://api.test/away"); !errors.Is(err, ErrForeignHost) {
			w.Errorf("redirect elsewhere: %v", err)
		}
		resp, err := w.pool.Client(context.Background(), user).Get("https://api.test/near")
		if err != nil || resp.StatusCode != 200 {
			w.Errorf("redirect on the same host: %v, %v", resp, err)
		}
		_, _, calls := w.x.count()
		if want := "GET /away Bearer access-1\nGET /near Bearer access-1\nGET /2/users/me Bearer access-1"; calls != want {
			w.Errorf("calls:\n%s", calls)
		}
	})
}

func TestAuthorizationIsReplaced(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		r, _ := http.NewRequestWithContext(w.Context(), "GET", "https://api.test/p", nil)
		r.Header.Set("Authorization", "Basic own")
		if _, err := w.pool.Client(context.Background(), user).Do(r); err != nil {
			w.Fatal(err)
		}
		if _, _, calls := w.x.count(); calls != "GET /p Bearer access-1" {
			w.Errorf("calls: %s", calls)
		}
		if r.Header.Get("Authorization") != "Basic own" {
			w.Error("the caller's request was changed")
		}
	})
}

func TestBodiesAreClosed(t *testing.T) {
	bubble(t, func(w *world) {
		for name, c := range map[string]*http.Client{
			"no token":         w.pool.Client(context.Background(), user),
			"unknown provider": w.pool.Client(context.Background(), tokenstore.Key{Provider: "y"}),
			"nobody":           (*Manager)(nil).Client(w.Context(), user),
		} {
			b := newBody("x")
			if _, err := c.Post("https://api.test/p", "", b); err == nil || !b.closed {
				w.Errorf("%s: %v, body closed %t", name, err, b.closed)
			}
		}
		if _, err := (*Manager)(nil).Client(w.Context(), user).Get("https://api.test"); !errors.Is(err, ErrNoUser) {
			w.Errorf("Nobody: %v", err)
		}
	})
}

// Over the network, as an application has it.
func TestOverNetwork(t *testing.T) {
	x := newService()
	token := x.signIn()
	var jar []*http.Cookie
	srv := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		jar = append(jar, r.Cookies()...)
		http.SetCookie(rw, &http.Cookie{Name: "guest_id", Value: "v1"})
		_, _ = io.WriteString(rw, r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	api := &onServer{service: x, host: strings.TrimPrefix(srv.URL, "https://")}
	vault := newVault(t, tokenstore.NewMemory())
	pool, err := New(Config{Vault: vault, Providers: []provider.Provider{api}, Transport: srv.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close(t.Context()) }()
	if err := pool.Put(t.Context(), user, token); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		resp, err := pool.Client(context.Background(), user).Get(srv.URL + "/2/users/me")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(b) != "Bearer access-1" {
			t.Errorf("body %q", b)
		}
	}
	if len(jar) != 0 {
		t.Errorf("cookies were sent: %v", jar)
	}
}

type onServer struct {
	*service
	host string
}

func (o *onServer) AllowsURL(u *url.URL) bool { return u.Scheme == "https" && u.Host == o.host }
