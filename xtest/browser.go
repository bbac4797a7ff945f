package xtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// The simulator's cookies. They are host-only, as X's are: a browser signed in on x.com is not on twitter.com.
const (
	cookieAccount = "xtest_account" // the id of the account that this browser last continued as
	cookieForm    = "xtest_form"    // what form tokens are bound to
)

func (x *X) setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true,
		// Lax: the page is reached by a link from the application's site.
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(x.baseURL(r), "https:"),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// formToken gives the token for the forms of a page, and the cookie that it is bound to if the browser has none.
func (x *X) formToken(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(cookieForm)
	if err == nil && len(c.Value) == 32 {
		return x.macOf(c.Value)
	}
	value := random(32, alphanumeric)
	x.setCookie(w, r, cookieForm, value)
	return x.macOf(value)
}

// checkForm reports whether a form was sent from a page of this X in the same browser.
func (x *X) checkForm(r *http.Request, token string) bool {
	c, err := r.Cookie(cookieForm)
	return err == nil && hmac.Equal([]byte(token), []byte(x.macOf(c.Value)))
}

func (x *X) macOf(cookie string) string {
	mac := hmac.New(sha256.New, x.key)
	mac.Write([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signedIn is the account of the browser. mu is held.
func (x *X) signedIn(r *http.Request) *account {
	c, err := r.Cookie(cookieAccount)
	if err != nil {
		return nil
	}
	return x.users[c.Value]
}

// serveConsent is the consent page of both protocols.
func (x *X) serveConsent(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		out := x.consentPage(r)
		if out.page != nil && out.page.Kind == "consent" {
			out.page.FormToken = x.formToken(w, r)
		}
		x.show(w, r, out)
	case http.MethodPost:
		form, _ := bufferForm(r)
		if !x.checkForm(r, form.Get("form_token")) {
			x.show(w, r, foreignForm())
			return
		}
		out, user := x.consentAnswer(r, form.Get("decision") == "authorize", form.Get("account"))
		if out.page != nil && out.page.Kind == "consent" {
			out.page.FormToken = x.formToken(w, r)
		}
		if user != "" {
			x.setCookie(w, r, cookieAccount, user)
		}
		x.show(w, r, out)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		x.finish(w, r, methodNotAllowed())
	}
}

func foreignForm() *outcome {
	return &outcome{page: &page{
		Kind: "error", Status: http.StatusForbidden, Title: "This form cannot be accepted",
		Text:   "Go back, load the page again and send it once more.",
		Reason: "The form did not come from a page that this browser got from the simulator, or the browser sent no cookie.",
	}}
}

func (x *X) consentPage(r *http.Request) *outcome {
	x.mu.Lock()
	defer x.mu.Unlock()
	q, out := x.ask(r.URL.Path, r.URL.RawQuery)
	if out != nil {
		return out
	}
	if u := x.signedIn(r); u != nil && r.Method == http.MethodGet && x.alreadyAllowed(q, u) {
		return x.allow(q, u)
	}
	return x.put(q, r)
}

// consentAnswer carries out what the person decided, and tells which account the browser now continues as.
func (x *X) consentAnswer(r *http.Request, yes bool, userID string) (out *outcome, user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	q, out := x.ask(r.URL.Path, r.URL.RawQuery)
	switch {
	case out != nil:
		return out, ""
	case !yes:
		return x.refuse(q), ""
	}
	u := x.users[userID]
	if u == nil {
		out = x.put(q, r)
		out.page.Notice = "Choose an account to continue as."
		return out, ""
	}
	return x.allow(q, u), u.ID
}

// put makes the page that asks. mu is held.
func (x *X) put(q *question, r *http.Request) *outcome {
	p := &page{
		Kind: "consent", Status: http.StatusOK, Title: x.cfg.AppName + " wants to access your account",
		App: x.cfg.AppName, Words: q.words,
	}
	current := x.signedIn(r)
	chosen := x.byName(q.screenName)
	if chosen == nil && !q.forceLogin {
		// Signed out, the first account is offered, so that a demonstration takes one click.
		if chosen = current; chosen == nil && len(x.order) > 0 {
			chosen = x.users[x.order[0]]
		}
	}
	for _, id := range x.order {
		a := x.users[id]
		p.Accounts = append(p.Accounts, choice{
			ID: a.ID, Name: a.Name, Username: a.Username, Chosen: a == chosen, SignedIn: a == current && !q.forceLogin,
		})
	}
	return &outcome{page: p}
}
