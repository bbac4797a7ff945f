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

// visitor is a browser with a user of its own at X. One goroutine has it, which may let it
// make several requests at once.
type visitor struct {
	id       string
	x        *localX
	balancer *balancer
	tally    *tally
	client   *http.Client
	random   *rand.Rand
	draft    string // what the session must hold; "" is not known
	oauth1   bool   // how it is signed in
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

// forget empties the browser.
func (v *visitor) forget() {
	// Without a list of public suffixes nothing fails.
	v.client.Jar, _ = cookiejar.New(nil)
	v.draft = ""
}

// answer is a response that was read to its end.
type answer struct {
	status     int
	retryAfter string
	location   string
	body       string
}

// send sends a request as a script of the application's does. cookie replaces the jar, unless it is nil.
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

// Faults, of which a run has none. Others are a status or an error's text.
const (
	wrongIdentity   = "WRONG IDENTITY"
	openAfterLogout = "SIGNED IN AFTER LOGOUT"
	wrongDraft      = "WRONG SESSION DATA"
)

// signIn signs the visitor's user in, by either protocol.
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

// statusError is an answer that is not what it should be.
type statusError struct {
	what string
	answer
}

// Error implements error.
func (e *statusError) Error() string { return fmt.Sprintf("%s: status %d", e.what, e.status) }

// detail is the error with the answer's beginning.
func (e *statusError) detail() string { return fmt.Sprintf("%v: %.300s", e, e.body) }

// who is whose an answer is. What an answer does not tell is empty.
type identity struct {
	session string // the id of the user of the session
	x       string // the id of the user that X knows the token of
	draft   string // what the session holds of the application's own
}

// whose reads who an answer is for. Pages are in HTML, and name the user by the handle.
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
		// X shows a timeline to its owner alone, so this tells the session's user and the
		// token's at once.
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

// ask asks for a page and checks that it is the visitor's.
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

// change sends a form and asks for the page to which the answer leads.
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

// keep has the session keep a draft.
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

// refresh has the application refresh the visitor's token, which is one by OAuth 2.0.
func (v *visitor) refresh(ctx context.Context) error {
	_, err := v.post(ctx, "/tokens/refresh", url.Values{"provider": {"x"}, "account": {v.id}})
	return err
}

// toldToSignIn reports whether an error asks the user to sign in again, as the token is of no
// more use.
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

// cookies are those that the visitor sends.
func (v *visitor) cookies() []*http.Cookie {
	u, _ := url.Parse(publicURL)
	return v.client.Jar.Cookies(u)
}

// signOut signs out while other requests of the browser are in flight, and tries whether the
// cookie of before still opens anything.
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

// inFlight makes a request, the i-th of several, that a sign-out may overtake: two of three
// write the session.
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

// gone checks that a cookie opens nothing.
func (v *visitor) checkSignedOut(ctx context.Context, old []*http.Cookie) error {
	a, err := v.send(ctx, http.MethodGet, "/me", nil, old)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		return errOpenAfterLogout
	case a.status != http.StatusUnauthorized || !strings.Contains(a.body, "not_signed_in"):
		// Who is signed in, and has only lost the token, gets another code.
		return &statusError{"after logout", a}
	}
	return nil
}

// act does one of the things that visitors do, at random.
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

// together makes API calls all at once, as a page does that loads several things.
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

// kindOf names a fault without what is different each time.
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
