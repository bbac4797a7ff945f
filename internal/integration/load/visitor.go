package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"
)

// visitor is a browser with its own user at X. It is used by one goroutine, but some methods
// send several requests at once.
type visitor struct {
	id       string
	x        *localX
	balancer *balancer
	tally    *tally
	client   *http.Client
	random   *rand.Rand
	draft    string // the draft in the session; "" if unknown
	oauth1   bool   // whether it signed in by OAuth 1.0a
}

func newVisitor(id string, x *localX, d *balancer, seed uint64) *visitor {
	v := &visitor{id: id, x: x, balancer: d, tally: d.tally, random: rand.New(rand.NewPCG(seed, 1))}
	v.client = &http.Client{
		Transport: d, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	v.forget()
	return v
}

// forget deletes all cookies.
func (v *visitor) forget() {
	// cookiejar.New cannot fail without options.
	v.client.Jar, _ = cookiejar.New(nil)
	v.draft = ""
}

// answer is a response whose body has been read.
type answer struct {
	status     int
	retryAfter string
	location   string
	body       string
}

// send sends a request as a script of the application does. A cookie that is not nil replaces
// the jar.
func (v *visitor) send(ctx context.Context, method, path string, form url.Values, cookie []*http.Cookie) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, publicURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	c := v.client
	if cookie != nil {
		other := *v.client
		other.Jar, c = nil, &other
		for _, k := range cookie {
			req.AddCookie(k)
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("Retry-After"), resp.Header.Get("Location"), string(b)}, err
}

// Kinds of fault. Others are named by a status or by the text of an error.
const (
	wrongIdentity   = "WRONG IDENTITY"
	openAfterLogout = "SIGNED IN AFTER LOGOUT"
	wrongDraft      = "WRONG SESSION DATA"
)

// signIn signs the user in by a random protocol.
func (v *visitor) signIn() error {
	v.oauth1 = v.random.IntN(5) == 0
	login := publicURL + "/auth/login?return_to=%2Fme"
	if v.oauth1 {
		login = publicURL + "/auth/login/x-oauth1?return_to=%2Fme"
	}
	resp, err := v.x.SignIn(v.client, login, v.id)
	if err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	defer resp.Body.Close()
	if at := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || at != "/me" {
		return &statusError{"callback", answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After")}}
	}
	v.draft = ""
	v.tally.done("sign-ins")
	return nil
}

// statusError is an answer with an unexpected status.
type statusError struct {
	what string
	answer
}

// Error implements error.
func (e *statusError) Error() string { return fmt.Sprintf("%s: status %d", e.what, e.status) }

// detail returns the error with the beginning of the body.
func (e *statusError) detail() string { return fmt.Sprintf("%v: %.300s", e, e.body) }

// identity tells which user an answer is for. Fields that the answer does not tell are empty.
type identity struct {
	session string // the id of the user of the session
	x       string // the id of the token's user at X
	draft   string // the application's data in the session
}

// parseIdentity reads which user an answer is for. HTML pages contain the username.
func parseIdentity(path, body string) (w identity, err error) {
	switch path, _, _ = strings.Cut(path, "?"); path {
	case "/me":
		var me struct{ ID, Username string }
		if err := json.Unmarshal([]byte(body), &me); err != nil {
			return w, fmt.Errorf("%s: %w", path, err)
		}
		if w.session = me.ID; me.Username != username(me.ID) {
			w.session = me.ID + " and " + me.Username
		}
	case "/timeline":
		// X shows a timeline to its owner only, so the author is both the session's user and
		// the token's.
		var timeline struct {
			Data []struct {
				AuthorID string `json:"author_id"`
			}
		}
		if err := json.Unmarshal([]byte(body), &timeline); err != nil {
			return w, fmt.Errorf("%s: %w", path, err)
		}
		if len(timeline.Data) == 1 {
			w.session, w.x = timeline.Data[0].AuthorID, timeline.Data[0].AuthorID
		}
	default:
		w.session = strings.TrimPrefix(between(body, `<span class="handle">@`, "<"), username(""))
		if path == "/compose" {
			w.draft = html.UnescapeString(between(between(body, "<textarea", "/textarea>"), ">", "<"))
		}
	}
	return w, nil
}

// get requests a page and checks that it is for the visitor's user.
func (v *visitor) get(ctx context.Context, path string) (identity, error) {
	a, err := v.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return identity{}, err
	}
	if a.status != http.StatusOK {
		return identity{}, &statusError{"GET " + path, a}
	}
	w, err := parseIdentity(path, a.body)
	if err == nil && (w.session != v.id || (path == "/timeline" && w.x != v.id)) {
		err = errWrongIdentity
	}
	return w, err
}

// post sends a form and gets the page that the answer redirects to.
func (v *visitor) post(ctx context.Context, path string, form url.Values) (identity, error) {
	a, err := v.send(ctx, http.MethodPost, path, form, nil)
	if err != nil {
		return identity{}, err
	}
	if a.status != http.StatusSeeOther {
		return identity{}, &statusError{"POST " + path, a}
	}
	return v.get(ctx, a.location)
}

// saveDraft saves a draft in the session.
func (v *visitor) saveDraft(ctx context.Context, draft string) error {
	w, err := v.post(ctx, "/compose/draft", url.Values{"text": {draft}})
	if err == nil && w.draft != draft {
		err = errWrongDraft
	}
	if err == nil {
		v.draft = draft
	}
	return err
}

// refresh makes the application refresh the visitor's OAuth 2.0 token.
func (v *visitor) refresh(ctx context.Context) error {
	_, err := v.post(ctx, "/tokens/refresh", url.Values{"provider": {"x"}, "account": {v.id}})
	return err
}

// signInRequired reports whether an error tells the user to sign in again, because the token
// does not work any more.
func signInRequired(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.status == http.StatusUnauthorized &&
		strings.Contains(s.body, "sign_in_again")
}

var (
	errWrongIdentity   = errors.New(wrongIdentity)
	errOpenAfterLogout = errors.New(openAfterLogout)
	errWrongDraft      = errors.New(wrongDraft)
)

// cookies returns the cookies that the visitor sends.
func (v *visitor) cookies() []*http.Cookie {
	u, _ := url.Parse(publicURL)
	return v.client.Jar.Cookies(u)
}

// signOut signs out during other requests of the browser. Then it checks that the old cookie
// opens nothing.
func (v *visitor) signOut(ctx context.Context) error {
	old := v.cookies()
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs[1:] {
		wg.Go(func() { errs[i+1] = v.requestDuringLogout(ctx, i, old) })
	}
	a, err := v.send(ctx, http.MethodPost, "/auth/logout", url.Values{}, nil)
	if err == nil && a.status != http.StatusNoContent {
		err = &statusError{"logout", a}
	}
	errs[0] = err
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	v.draft = ""
	v.tally.done("sign-outs")
	return v.checkSignedOut(ctx, old)
}

// requestDuringLogout sends the i-th request of several during a sign-out. Two of three write
// the session.
func (v *visitor) requestDuringLogout(ctx context.Context, i int, cookie []*http.Cookie) error {
	method, path, form := http.MethodPost, "/compose/draft", url.Values{"text": {v.id}}
	if i%3 == 0 {
		method, path, form = http.MethodGet, "/me", nil
	}
	a, err := v.send(ctx, method, path, form, cookie)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		w, err := parseIdentity(path, a.body)
		if err == nil && w.session != v.id {
			err = errWrongIdentity
		}
		return err
	case a.status != http.StatusUnauthorized && a.status != http.StatusSeeOther:
		return &statusError{method + " " + path + " during a logout", a}
	}
	return nil
}

// checkSignedOut checks that a cookie opens nothing.
func (v *visitor) checkSignedOut(ctx context.Context, old []*http.Cookie) error {
	a, err := v.send(ctx, http.MethodGet, "/me", nil, old)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		return errOpenAfterLogout
	case a.status != http.StatusUnauthorized || !strings.Contains(a.body, "not_signed_in"):
		// A signed-in user whose token is lost gets another code.
		return &statusError{"after logout", a}
	}
	return nil
}

// act does a random action.
func (v *visitor) act(ctx context.Context) error {
	var err error
	switch n := v.random.IntN(1000); {
	case n < 450:
		_, err = v.get(ctx, "/me")
	case n < 530:
		_, err = v.get(ctx, "/")
	case n < 880:
		_, err = v.get(ctx, "/timeline")
		v.tally.done("API calls")
	case n < 910:
		err = v.callTogether(ctx, 4)
	case n < 940:
		err = v.saveDraft(ctx, fmt.Sprintf("%s <%d>", v.id, v.random.Uint64()))
	case n < 970:
		var w identity
		if w, err = v.get(ctx, "/compose"); err == nil && w.draft != v.draft {
			err = errWrongDraft
		}
	case n < 980:
		if !v.oauth1 {
			err = v.refresh(ctx)
		}
	default:
		if err = v.signOut(ctx); err == nil {
			err = v.signIn()
		}
	}
	return err
}

// callTogether makes n API calls at once, as a page with several parts does.
func (v *visitor) callTogether(ctx context.Context, n int) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = v.get(ctx, "/timeline")
			v.tally.done("API calls")
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// kindOf returns the kind of a fault, without details that differ each time.
func kindOf(err error) string {
	var u *url.Error
	var s *statusError
	switch {
	case errors.Is(err, errWrongIdentity):
		return wrongIdentity
	case errors.Is(err, errOpenAfterLogout):
		return openAfterLogout
	case errors.Is(err, errWrongDraft):
		return wrongDraft
	case errors.As(err, &s):
		return s.Error()
	case errors.As(err, &u):
		return "transport: " + u.Err.Error()
	}
	return err.Error()
}
