package xtest

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// PageError says that the browser would have stayed at X, on a page that says something is wrong.
type PageError struct {
	Status int    // of the answer
	Title  string // what X's page says, such as "Something went wrong" or "Whoa there!"
	Reason string // why, which X would not say
}

// Error implements error.
func (e *PageError) Error() string {
	return fmt.Sprintf("xtest: X shows a page and does not send the browser back: %q (%s)", e.Title, e.Reason)
}

// Approve does at once what the browser of a user would do with the URL of a consent page: open it, choose the
// account, and press "Authorize app". It returns the URL that X sends the browser to, which it does not visit.
//
// For OAuth 1.0a with the callback "oob" it returns the PIN of seven digits instead. The host of the authorize URL is
// looked at only if it is one of X's own, and then it has to be the one that X serves the page on. When X would show an error page, the error is a [*PageError]; a request so broken that X
// reports it to the callback (a state that is too long) returns that callback and no error.
func (x *X) Approve(authorizeURL, userID string) (callback string, err error) {
	return x.answerFor(authorizeURL, userID, true)
}

// SignIn signs userID in to an application under test as their browser would: it opens login,
// the address at which the application begins a sign-in, approves, and opens the callback. It
// returns the application's answer to the callback, most often a redirect, which it does not
// follow; the caller closes its body. client needs a cookie jar, as a browser has one.
//
// The application's callback has to be registered: see [X.SetCallbacks] for a server whose
// port is known only when it runs.
func (x *X) SignIn(client *http.Client, login, userID string) (*http.Response, error) {
	browser := *client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := browser.Get(login)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	consent, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("xtest: %s did not redirect to a consent page, but answered %s", login, resp.Status)
	}
	if _, ok := consentPath(consent.Path); !ok {
		return nil, &PageError{http.StatusNotFound, notFoundTitle, fmt.Sprintf(
			"There is no consent page at %s, where %s redirects: give the address of the login.", bare(consent), bare(resp.Request.URL))}
	}
	callback, err := x.Approve(consent.String(), userID)
	if err != nil {
		return nil, err
	}
	return browser.Get(callback)
}

// SignedIn returns a browser with which userID is signed in to an application that runs: a copy of client with a new
// cookie jar. client is [http.DefaultClient], or that of a TLS server. The rest is as for [X.SignIn].
func (x *X) SignedIn(client *http.Client, login, userID string) (*http.Client, error) {
	browser := *client
	browser.Jar, _ = cookiejar.New(nil) // never fails
	resp, err := x.SignIn(&browser, login, userID)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("xtest: the application answered the callback with status %s", resp.Status)
	}
	return &browser, nil
}

// Deny is [X.Approve] with "Cancel". For OAuth 1.0a, where X does not send the browser back by itself, it returns where
// the link on X's page leads; with the callback "oob" it returns "".
func (x *X) Deny(authorizeURL, userID string) (callback string, err error) {
	return x.answerFor(authorizeURL, userID, false)
}

const notFoundTitle = "Sorry, that page does not exist"

// bare is u without its query, which may have a state or a code in it.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// consentPath finds the consent page in a path, which has more in front where an X is mounted below a prefix.
func consentPath(path string) (string, bool) {
	for _, p := range consentPaths() {
		if strings.HasSuffix(path, p) {
			return p, true
		}
	}
	return "", false
}

func (x *X) answerFor(authorizeURL, userID string, yes bool) (string, error) {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		return "", fmt.Errorf("xtest: authorize URL: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	user := x.users[userID]
	if user == nil {
		return "", fmt.Errorf("xtest: no user with id %q", userID)
	}
	o := origin{host: u.Host}
	path, ok := consentPath(u.Path)
	if _, isReal := realHosts[strings.ToLower(u.Hostname())]; !ok || isReal && (u.Scheme != "https" || !o.serves(u.Path)) {
		return "", &PageError{http.StatusNotFound, notFoundTitle, "There is no consent page at " + bare(u) + "."}
	}
	q, out := x.ask(path, u.RawQuery)
	if out == nil {
		if yes {
			out = x.allow(q, user)
		} else {
			out = x.refuse(q)
		}
	}
	switch {
	case out.location != "":
		return out.location, nil
	case out.page.Kind == "pin":
		return out.page.PIN, nil
	case out.page.Kind == "denied":
		return out.page.Link, nil
	default:
		return "", &PageError{out.page.Status, out.page.Title, out.page.Reason}
	}
}
