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

// visitor is a browser with its own user at X. One goroutine uses it, which may start several
// requests at once.
type visitor struct {
	id     string
	x      *localX
	door   *door
	tally  *tally
	client *http.Client
	random *rand.Rand
	draft  string // the value in the session; "" means unknown
	oauth1 bool   // the provider of the sign-in
}

func newVisitor(id string, x *localX, d *door, seed uint64) *visitor {
	v := &visitor{id: id, x: x, door: d, tally: d.tally, random: rand.New(rand.NewPCG(seed, 1))}
	v.client = &http.Client{
		Transport: d, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	v.forget()
	return v
}

// forget empties the browser.
func (v *visitor) forget() {
	// It cannot fail without a list of public suffixes.
	v.client.Jar, _ = cookiejar.New(nil)
	v.draft = ""
}

// answer is a response that was read completely.
type answer struct {
	status     int
	retryAfter string
	location   string
	body       string
}

// send sends a request like a script of the application. cookie replaces the jar, unless it is
// nil.
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

// Faults, of which a good run has none. Other faults are a status or an error's text.
const (
	wrongIdentity = "WRONG IDENTITY"
	aliveAfter    = "SIGNED IN AFTER LOGOUT"
	wrongDraft    = "WRONG SESSION DATA"
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

// statusError is a response with an unexpected status.
type statusError struct {
	what string
	answer
}

// Error implements error.
func (e *statusError) Error() string { return fmt.Sprintf("%s: status %d", e.what, e.status) }

// detail is the error with the beginning of the response.
func (e *statusError) detail() string { return fmt.Sprintf("%v: %.300s", e, e.body) }

// who identifies the user of an answer. Fields that the answer does not show are empty.
type who struct {
	session string // the id of the user of the session
	x       string // the id of the user whose token X got
	draft   string // the application's own value in the session
}

// whose reads the user from an answer. Pages are in HTML, and name the user by the handle.
func whose(path, body string) (w who, err error) {
	switch path, _, _ = strings.Cut(path, "?"); path {
	case "/me":
		var me struct{ ID, Username string }
		if err := json.Unmarshal([]byte(body), &me); err != nil {
			return w, fmt.Errorf("%s: %w", path, err)
		}
		if w.session = me.ID; me.Username != handle(me.ID) {
			w.session = me.ID + " and " + me.Username
		}
	case "/timeline":
		// X shows a timeline to its owner only, so this identifies the users of the session and
		// of the token.
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
		w.session = strings.TrimPrefix(between(body, `<span class="handle">@`, "<"), handle(""))
		if path == "/compose" {
			w.draft = html.UnescapeString(between(between(body, "<textarea", "/textarea>"), ">", "<"))
		}
	}
	return w, nil
}

// ask loads a page and checks that it belongs to the visitor.
func (v *visitor) ask(ctx context.Context, path string) (who, error) {
	a, err := v.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return who{}, err
	}
	if a.status != http.StatusOK {
		return who{}, &statusError{"GET " + path, a}
	}
	w, err := whose(path, a.body)
	if err == nil && (w.session != v.id || (path == "/timeline" && w.x != v.id)) {
		err = errWrongIdentity
	}
	return w, err
}

// change sends a form and loads the page to which the response redirects.
func (v *visitor) change(ctx context.Context, path string, form url.Values) (who, error) {
	a, err := v.send(ctx, http.MethodPost, path, form, nil)
	if err != nil {
		return who{}, err
	}
	if a.status != http.StatusSeeOther {
		return who{}, &statusError{"POST " + path, a}
	}
	return v.ask(ctx, a.location)
}

// keep stores a draft in the session.
func (v *visitor) keep(ctx context.Context, draft string) error {
	w, err := v.change(ctx, "/compose/draft", url.Values{"text": {draft}})
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
	_, err := v.change(ctx, "/tokens/refresh", url.Values{"provider": {"x"}, "account": {v.id}})
	return err
}

// toldToSignIn reports whether an error asks the user to sign in again, because the token is no
// longer valid.
func toldToSignIn(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.status == http.StatusUnauthorized &&
		strings.Contains(s.body, "sign_in_again")
}

var (
	errWrongIdentity = errors.New(wrongIdentity)
	errAlive         = errors.New(aliveAfter)
	errWrongDraft    = errors.New(wrongDraft)
)

// cookies are the cookies that the visitor sends.
func (v *visitor) cookies() []*http.Cookie {
	u, _ := url.Parse(publicURL)
	return v.client.Jar.Cookies(u)
}

// signOut signs out during other requests of the browser, and checks whether the old cookie
// still opens anything.
func (v *visitor) signOut(ctx context.Context) error {
	old := v.cookies()
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs[1:] {
		wg.Go(func() { errs[i+1] = v.inFlight(ctx, i, old) })
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
	return v.gone(ctx, old)
}

// inFlight makes the i-th of several requests that a sign-out may overtake. Two of three
// requests write the session.
func (v *visitor) inFlight(ctx context.Context, i int, cookie []*http.Cookie) error {
	method, path, form := http.MethodPost, "/compose/draft", url.Values{"text": {v.id}}
	if i%3 == 0 {
		method, path, form = http.MethodGet, "/me", nil
	}
	a, err := v.send(ctx, method, path, form, cookie)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		w, err := whose(path, a.body)
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
func (v *visitor) gone(ctx context.Context, old []*http.Cookie) error {
	a, err := v.send(ctx, http.MethodGet, "/me", nil, old)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		return errAlive
	case a.status != http.StatusUnauthorized || !strings.Contains(a.body, "not_signed_in"):
		// A signed-in user who has only lost the token gets another code.
		return &statusError{"after logout", a}
	}
	return nil
}

// act performs a random action of a visitor.
func (v *visitor) act(ctx context.Context) error {
	var err error
	switch n := v.random.IntN(1000); {
	case n < 450:
		_, err = v.ask(ctx, "/me")
	case n < 530:
		_, err = v.ask(ctx, "/")
	case n < 880:
		_, err = v.ask(ctx, "/timeline")
		v.tally.done("API calls")
	case n < 910:
		err = v.together(ctx, 4)
	case n < 940:
		err = v.keep(ctx, fmt.Sprintf("%s <%d>", v.id, v.random.Uint64()))
	case n < 970:
		var w who
		if w, err = v.ask(ctx, "/compose"); err == nil && w.draft != v.draft {
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

// together makes several API calls at once, like a page that loads several things.
func (v *visitor) together(ctx context.Context, n int) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = v.ask(ctx, "/timeline")
			v.tally.done("API calls")
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// kindOf names a fault without the parts that differ each time.
func kindOf(err error) string {
	var u *url.Error
	var s *statusError
	switch {
	case errors.Is(err, errWrongIdentity):
		return wrongIdentity
	case errors.Is(err, errAlive):
		return aliveAfter
	case errors.Is(err, errWrongDraft):
		return wrongDraft
	case errors.As(err, &s):
		return s.Error()
	case errors.As(err, &u):
		return "transport: " + u.Err.Error()
	}
	return err.Error()
}
