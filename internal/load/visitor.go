package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	id     string
	x      *localX
	door   *door
	tally  *tally
	client *http.Client
	random *rand.Rand
	note   string // what the session must hold; "" is not known
	oauth1 bool   // how it is signed in
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
	// Without a list of public suffixes nothing fails.
	v.client.Jar, _ = cookiejar.New(nil)
	v.note = ""
}

// answer is a response that was read to its end.
type answer struct {
	status     int
	retryAfter string
	body       string
}

// send sends a request as a script of the site does. cookie replaces the jar, unless it is nil.
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
	return answer{resp.StatusCode, resp.Header.Get("Retry-After"), string(b)}, err
}

// Faults, of which a run has none. Others are a status or an error's text.
const (
	wrongIdentity = "WRONG IDENTITY"
	aliveAfter    = "SIGNED IN AFTER LOGOUT"
	wrongNote     = "WRONG SESSION DATA"
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
	v.note = ""
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

// ask asks a page for whose it is and checks that against the visitor.
func (v *visitor) ask(ctx context.Context, method, path string, form url.Values) (who, error) {
	a, err := v.send(ctx, method, path, form, nil)
	if err != nil {
		return who{}, err
	}
	if a.status != http.StatusOK {
		return who{}, &statusError{method + " " + path, a}
	}
	var w who
	if err := json.Unmarshal([]byte(a.body), &w); err != nil {
		return w, fmt.Errorf("%s: %w", path, err)
	}
	if w.Session != v.id || (path == "/call" && w.X != v.id) {
		return w, errWrongIdentity
	}
	return w, nil
}

// toldToSignIn reports whether an error asks the user to sign in again, as the token is of no
// more use.
func toldToSignIn(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.status == http.StatusUnauthorized &&
		(strings.Contains(s.body, signInAgain) || strings.Contains(s.body, "sign_in_again"))
}

var (
	errWrongIdentity = errors.New(wrongIdentity)
	errAlive         = errors.New(aliveAfter)
	errWrongNote     = errors.New(wrongNote)
)

// cookies are those that the visitor sends.
func (v *visitor) cookies() []*http.Cookie {
	u, _ := url.Parse(publicURL)
	return v.client.Jar.Cookies(u)
}

// signOut signs out and tries whether the cookie of before still opens anything.
func (v *visitor) signOut(ctx context.Context) error {
	old := v.cookies()
	a, err := v.send(ctx, http.MethodPost, "/auth/logout", url.Values{}, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent {
		return &statusError{"logout", a}
	}
	v.note = ""
	v.tally.done("sign-outs")
	return v.gone(ctx, old)
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
		// Who is signed in, and has only lost the token, gets another code.
		return &statusError{"after logout", a}
	}
	return nil
}

// act does one of the things that visitors do, at random.
func (v *visitor) act(ctx context.Context) error {
	var err error
	switch n := v.random.IntN(1000); {
	case n < 500:
		_, err = v.ask(ctx, http.MethodGet, "/me", nil)
	case n < 530:
		_, err = v.ask(ctx, http.MethodGet, "/", nil)
	case n < 880:
		_, err = v.ask(ctx, http.MethodGet, "/call", nil)
		v.tally.done("API calls")
	case n < 910:
		err = v.together(ctx, 4)
	case n < 940:
		note := fmt.Sprintf("%s-%d", v.id, v.random.Uint64())
		if _, err = v.ask(ctx, http.MethodPost, "/note", url.Values{"note": {note}}); err == nil {
			v.note = note
		}
	case n < 970:
		var w who
		if w, err = v.ask(ctx, http.MethodGet, "/note", nil); err == nil && w.Note != v.note {
			err = errWrongNote
		}
	case n < 980:
		if !v.oauth1 {
			_, err = v.ask(ctx, http.MethodPost, "/refresh", url.Values{})
		}
	default:
		if err = v.signOut(ctx); err == nil {
			err = v.signIn()
		}
	}
	return err
}

// together makes API calls all at once, as a page does that loads several things.
func (v *visitor) together(ctx context.Context, n int) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = v.ask(ctx, http.MethodGet, "/call", nil)
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
	case errors.Is(err, errAlive):
		return aliveAfter
	case errors.Is(err, errWrongNote):
		return wrongNote
	case errors.As(err, &s):
		return s.Error()
	case errors.As(err, &u):
		return "transport: " + u.Err.Error()
	}
	return err.Error()
}
