package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// refuser is a service whose API says "dead" where it refuses a token for good.
type refuser struct{ *service }

func (refuser) RejectsToken(resp *http.Response, body []byte) bool {
	if len(body) > 4<<10 {
		panic("more than 4 KiB")
	}
	refused := resp.StatusCode == 401 && strings.HasPrefix(string(body), "dead")
	clear(body) // what it does to its copy is not seen
	return refused
}

// refusing makes w's provider a refuser whose API gives every token the answer 401 with body.
func (w *world) refusing(body string) {
	w.pool.providers["x"] = refuser{w.x}
	w.x.set(func(s *service) {
		s.answer = func(r *http.Request) *http.Response { return answer(r, 401, body) }
	})
}

var oauth1 = tokenstore.Token{AccessToken: "access-0", TokenSecret: "s", AccountID: "12"}

func (w *world) wantCalls(want int) {
	w.Helper()
	if _, _, calls := w.x.count(); len(strings.Fields(calls))/4 != want {
		w.Errorf("want %d calls of the API:\n%s", want, calls)
	}
}

func TestRefusedByTheAPI(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(oauth1)
		w.refusing("dead and gone")
		for range 3 {
			err := w.wantErr(ErrReauthRequired)
			if !errors.Is(err, provider.ErrTokenRefused) && !errors.Is(err, errMarked) {
				w.Errorf("request: %v", err)
			}
		}
		w.wantCalls(1)
		w.wantAsked(0)
		w.wantEvents("sign_in_again:token_refused")
		if got := w.stored(); !got.NeedsReauth || got.AccessToken+got.TokenSecret != "" || got.AccountID != "12" {
			w.Errorf("stored: %v", got)
		}
		if err := w.needsReauth(); !errors.Is(err, ErrReauthRequired) {
			w.Errorf("MissingScopes without scopes: %v", err)
		}
		// The user signs in again.
		w.x.set(func(s *service) { s.answer = nil; s.access["access-0"] = true })
		if err := w.pool.Put(w.Context(), user, oauth1); err != nil {
			w.Fatal(err)
		}
		w.wantToken("access-0")
	})
}

func TestRefusedByTheAPIWithManyRequests(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(oauth1)
		w.refusing("dead")
		done := make(chan bool)
		for range 100 {
			go func() { w.wantErr(ErrReauthRequired); done <- true }()
		}
		for range 100 {
			<-done
		}
		w.wantEvents("sign_in_again:token_refused")
	})
}

// A body that cannot be sent again needs no second sending.
func TestRefusedByTheAPIAfterABody(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(oauth1)
		w.refusing("dead")
		_, err := w.pool.Client(context.Background(), user).Post("https://api.test/p", "", newBody("text"))
		if !errors.Is(err, ErrReauthRequired) {
			w.Errorf("Post: %v", err)
		}
		w.wantEvents("sign_in_again:token_refused")
	})
}

// Another sign-in has been stored while this process used the refused token.
func TestRefusedByTheAPIAfterAnotherSignIn(t *testing.T) {
	for _, once := range []bool{false, true} {
		bubble(t, func(w *world) {
			w.signInWith(oauth1)
			w.x.set(func(s *service) { s.access["access-0"] = true })
			w.wantToken("access-0")
			w.refusing("")
			w.x.set(func(s *service) {
				s.answer = func(r *http.Request) *http.Response {
					if strings.HasSuffix(r.Header.Get("Authorization"), "access-0") {
						return answer(r, 401, "dead")
					}
					return nil
				}
			})
			w.signInWith(tokenstore.Token{AccessToken: "access-9", TokenSecret: "s"})
			w.x.set(func(s *service) { s.access["access-9"] = true })
			if once {
				resp, err := w.pool.Client(context.Background(), user).Post("https://api.test/p", "", newBody("text"))
				if err != nil || resp.StatusCode != 401 {
					w.Fatalf("Post = %v, %v", resp, err)
				}
				if b, err := io.ReadAll(resp.Body); string(b) != "dead" || err != nil {
					w.Errorf("body %q, %v", b, err)
				}
			}
			w.wantToken("access-9")
			w.wantEvents("")
		})
	}
}

func TestRefusedByTheAPIWhileTheStoreIsAway(t *testing.T) {
	bubble(t, func(w *world) { // for reads: the answer is all there is
		w.signInWith(oauth1)
		w.x.set(func(s *service) { s.access["access-0"] = true })
		w.wantToken("access-0")
		w.refusing("dead")
		w.store.away()
		w.wantToken("401")
		w.store.hook(nil)
		w.wantErr(ErrReauthRequired)
		w.wantEvents("sign_in_again:token_refused")
	})
	bubble(t, func(w *world) { // for writes: this process knows
		w.signInWith(oauth1)
		w.refusing("dead")
		w.store.away("replace")
		for range 3 {
			w.wantErr(ErrReauthRequired)
		}
		w.wantCalls(1)
		w.store.hook(nil)
		w.wantErr(ErrReauthRequired)
		if !w.stored().NeedsReauth {
			w.Error("the mark is not stored")
		}
		w.wantCalls(1)
		w.wantEvents("sign_in_again:token_refused")
	})
}

// failing is a body that ends in an error.
type failing struct {
	io.Reader
	closed bool
}

var errCut = errors.New("cut off")

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if err == io.EOF {
		err = errCut
	}
	return n, err
}

func (f *failing) Close() error { f.closed = true; return nil }

func TestAnswersThatRefuseNothingGoOnWhole(t *testing.T) {
	long := "alive " + strings.Repeat("0123456789", 10_000)
	for name, test := range map[string]struct {
		body    string
		noOne   bool // the provider never rejects a token
		refresh bool // the token has a refresh token, but X is down
	}{
		"a flat 401":             {body: "Unauthorized"},
		"without a body":         {},
		"a long one":             {body: long},
		"a word after 4 KiB":     {body: long + "dead"},
		"a provider that is not": {body: "dead", noOne: true},
		"an OAuth 2.0 token":     {body: "dead", refresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				if test.refresh {
					w.signIn()
					w.x.down = errAway
				} else {
					w.signInWith(oauth1)
				}
				w.refusing("")
				if test.noOne {
					w.pool.providers["x"] = w.x
				}
				b := &failing{Reader: strings.NewReader(test.body)}
				w.x.set(func(s *service) {
					s.answer = func(r *http.Request) *http.Response {
						resp := answer(r, 401, "")
						resp.Body = b
						return resp
					}
				})
				resp, err := w.pool.Client(context.Background(), user).Get("https://api.test/p")
				if err != nil || resp.StatusCode != 401 {
					w.Fatalf("Get = %v, %v", resp, err)
				}
				got, err := io.ReadAll(resp.Body)
				if string(got) != test.body || !errors.Is(err, errCut) {
					w.Errorf("body of %d bytes, want %d; error %v", len(got), len(test.body), err)
				}
				if b.closed {
					w.Error("the body was closed")
				}
				if err := resp.Body.Close(); err != nil || !b.closed {
					w.Errorf("the body cannot be closed: %v", err)
				}
				synctest.Wait()
				if w.stored().NeedsReauth {
					w.Error("the token is marked")
				}
			})
		})
	}
}
