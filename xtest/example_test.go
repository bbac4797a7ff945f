package xtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/xtest"
)

// A whole sign-in by OAuth 2.0 without a browser or a network: the code under test gets Transport, and Approve stands
// for the person.
func ExampleX_Approve() {
	x := xtest.New(xtest.Config{})
	app := &oauth2.Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, RedirectURL: xtest.DefaultCallback,
		Scopes: []string{"tweet.read", "users.read", "offline.access"},
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://x.com/i/oauth2/authorize", TokenURL: "https://api.x.com/2/oauth2/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
	verifier := oauth2.GenerateVerifier()

	callback, err := x.Approve(app.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), xtest.DefaultUserID)
	if err != nil {
		fmt.Println(err)
		return
	}
	u, _ := url.Parse(callback)
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: x.Transport()})
	token, err := app.Exchange(ctx, u.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.TokenType, x.Live(token.AccessToken), x.Live(token.RefreshToken))
	// Output: bearer true true
}

// X rotates a refresh token at each use. This is the answer getting lost on its way: it has happened at X, and the
// client knows nothing of it.
func ExampleX_Fail() {
	x := xtest.New(xtest.Config{})
	client := &http.Client{Transport: x.Transport()}
	x.Fail(xtest.Fault{Path: "/2/oauth2/token", CutAfter: -1, Times: 1})

	_, err := client.PostForm("https://api.x.com/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}})
	fmt.Println(err != nil, x.Count("POST", "/2/oauth2/token"))
	// Output: true 1
}

// ExampleX_SignIn tests an application over real sockets: its port is known only when it
// runs, and its callback is registered then.
func ExampleX_SignIn() {
	x := xtest.New(xtest.Config{})
	mux := http.NewServeMux()
	app := httptest.NewServer(mux)
	defer app.Close()
	x.SetCallbacks(app.URL + "/callback")

	// The application under test; a real one has more in it.
	oauth := &oauth2.Config{
		ClientID: xtest.DefaultClientID, RedirectURL: app.URL + "/callback", Scopes: []string{"tweet.read", "users.read"},
		Endpoint: oauth2.Endpoint{AuthURL: "https://x.com/i/oauth2/authorize"},
	}
	verifier := oauth2.GenerateVerifier()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, oauth.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	})
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "state ", r.FormValue("state"), ", a code: ", r.FormValue("code") != "")
	})

	jar, _ := cookiejar.New(nil)
	resp, err := x.SignIn(&http.Client{Jar: jar}, app.URL+"/login", xtest.DefaultUserID)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(resp.Body)
	fmt.Println(string(answer))
	// Output: state state, a code: true
}

func TestSignInTellsWhereItStops(t *testing.T) {
	x := xtest.New(xtest.Config{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unregistered" {
			http.Redirect(w, r, "https://x.com/i/oauth2/authorize?client_id=nobody", http.StatusSeeOther)
		} else if r.URL.Path == "/page" {
			http.Redirect(w, r, "/auth/login?return_to=%2Fpage", http.StatusSeeOther)
		}
	}))
	defer app.Close()
	for _, login := range []string{"http://127.0.0.1:0/", app.URL + "/no-redirect", app.URL + "/unregistered"} {
		if resp, err := x.SignIn(app.Client(), login, xtest.DefaultUserID); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: no error", login)
		}
	}

	resp, err := x.SignIn(app.Client(), app.URL+"/page?code=c", xtest.DefaultUserID)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("a page behind the login: no error")
	}
	for _, want := range []string{" at " + app.URL + "/auth/login,", app.URL + "/page redirects", "give the address of the login"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "?") {
		t.Errorf("a query is in the error: %v", err)
	}
	if !errors.As(err, new(*xtest.PageError)) {
		t.Errorf("the error is a %T", err)
	}
}

func TestSignedIn(t *testing.T) {
	x := xtest.New(xtest.Config{})
	refuses := false
	app := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("session")
		switch {
		case r.URL.Path == "/login":
			consent := "https://x.com/i/oauth2/authorize?response_type=code&scope=tweet.read&code_challenge=c&client_id=" +
				xtest.DefaultClientID + "&redirect_uri=" + url.QueryEscape("https://"+r.Host+"/callback")
			http.Redirect(w, r, consent, http.StatusSeeOther)
		case r.URL.Path == "/callback" && refuses:
			http.Error(w, "refused", http.StatusForbidden)
		case r.URL.Path == "/callback":
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s", Secure: true})
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case err == nil:
			_, _ = io.WriteString(w, "signed in by "+c.Value)
		}
	}))
	defer app.Close()
	x.SetCallbacks(app.URL + "/callback")
	browser, err := x.SignedIn(app.Client(), app.URL+"/login", xtest.DefaultUserID)
	if err != nil || app.Client().Jar != nil {
		t.Fatal(err)
	}
	resp, err := browser.Get(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); string(body) != "signed in by s" {
		t.Errorf("the page is %q", body)
	}
	refuses = true
	if _, err := x.SignedIn(app.Client(), app.URL+"/login", xtest.DefaultUserID); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a callback that refuses: %v", err)
	}
	if _, err := x.SignedIn(app.Client(), app.URL+"/login", "unknown"); err == nil {
		t.Error("an unknown user: no error")
	}
}
