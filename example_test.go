package xsignin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// exampleConfig makes the kit use a local X instead of the real one. An application sets its own
// credentials here, and no Transport.
func exampleConfig(x *xtest.X) xsignin.Config {
	return xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080",
		ClientID:     xtest.DefaultClientID,
		ClientSecret: xtest.DefaultClientSecret,
		X:            xsignin.XEndpoints{Transport: x.Transport()},
		Logger:       slog.New(slog.DiscardHandler),
	}
}

// visitor is a visitor's browser. signIn signs in and allows the application.
type visitor struct {
	app http.Handler
	jar *cookiejar.Jar
	x   *xtest.X
}

func newVisitor(app http.Handler, x *xtest.X) *visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor{app, jar, x}
}

func (v *visitor) get(target string, headers ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.Host = "127.0.0.1:8080"
	site := &url.URL{Scheme: "http", Host: r.Host, Path: "/"}
	for _, c := range v.jar.Cookies(site) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.app.ServeHTTP(w, r)
	v.jar.SetCookies(site, w.Result().Cookies())
	return w.Result()
}

func (v *visitor) signIn(login string) *http.Response {
	callback, err := v.x.Approve(v.get(login).Header.Get("Location"), xtest.DefaultUserID)
	if err != nil {
		log.Fatal(err)
	}
	return v.get(callback)
}

func body(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(b))
}

// The whole integration is two lines in the application's mux, and a handler that reads the
// signed-in user.
func Example() {
	x := xtest.New(xtest.Config{})
	kit, err := xsignin.New(exampleConfig(x))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/hello", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		_, _ = fmt.Fprintf(w, "hello @%s", user.Username)
	})))

	v := newVisitor(mux, x)
	fmt.Println("a stranger goes to", v.get("/hello").Header.Get("Location"))
	fmt.Println("after the sign-in to", v.signIn("/auth/login?return_to=/hello").Header.Get("Location"))
	fmt.Println(body(v.get("/hello")))
	// Output:
	// a stranger goes to /auth/login?return_to=%2Fhello
	// after the sign-in to /hello
	// hello @demo
}

// The sign-in link returns to the page that contains it.
func ExampleKit_LoginURL() {
	kit, err := xsignin.New(exampleConfig(xtest.New(xtest.Config{})))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(kit.LoginURL("", "/timeline"))
	fmt.Println(kit.LoginURL("x-oauth1", ""))
	// Output:
	// /auth/login?return_to=%2Ftimeline
	// /auth/login/x-oauth1
}

// The client of the signed-in user calls X's API. It is an ordinary *http.Client, so any
// API client that takes one can use it.
func ExampleClient() {
	x := xtest.New(xtest.Config{})
	kit, err := xsignin.New(exampleConfig(x))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/whoami", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := xsignin.Client(r.Context()).Do(req)
		switch {
		case errors.Is(err, client.ErrReauthRequired):
			http.Redirect(w, r, "/auth/login", http.StatusSeeOther)
			return
		case err != nil:
			http.Error(w, "X is unavailable at the moment", http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(w, resp.Body)
	})))

	v := newVisitor(mux, x)
	v.signIn("/auth/login")
	fmt.Println(body(v.get("/whoami")))
	// Output: {"data":{"id":"6253282","name":"Demo Account","username":"demo"}}
}

// A page for all visitors greets the signed-in user. The sign-out is a form that posts.
func ExampleKit_LoadUser() {
	x := xtest.New(xtest.Config{})
	kit, err := xsignin.New(exampleConfig(x))
	if err != nil {
		log.Fatal(err)
	}
	page := template.Must(template.New("page").Parse(
		`{{if .}}<p>Hello {{.Name}}</p><form method="post" action="/auth/logout"><button>Sign out</button></form>` +
			`{{else}}<a href="/auth/login">Continue with X</a>{{end}}`))
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/", kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := xsignin.User(r.Context()); ok {
			_ = page.Execute(w, user)
			return
		}
		_ = page.Execute(w, nil)
	})))

	v := newVisitor(mux, x)
	fmt.Println(body(v.get("/")))
	v.signIn("/auth/login")
	fmt.Println(body(v.get("/")))
	// Output:
	// <a href="/auth/login">Continue with X</a>
	// <p>Hello Demo Account</p><form method="post" action="/auth/logout"><button>Sign out</button></form>
}

// Scripts get a status and a problem document instead of a redirect that they cannot
// follow.
func ExampleKit_RequireUser() {
	x := xtest.New(xtest.Config{})
	kit, err := xsignin.New(exampleConfig(x))
	if err != nil {
		log.Fatal(err)
	}
	app := kit.RequireUser(http.NotFoundHandler())

	r := httptest.NewRequest(http.MethodGet, "/photos", http.NoBody)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	fmt.Print(w.Body)
	// Output:
	// 401 application/problem+json
	// {"type":"about:blank","title":"You are not signed in","status":401,"detail":"Sign in to continue.","code":"not_signed_in","login_url":"/auth/login"}
}

// The scope for posting is requested by the page that needs it, not at the sign-in. Page loads
// are redirected to X and back. Users who decline stay signed in.
func ExampleKit_RequireScopes() {
	x := xtest.New(xtest.Config{})
	kit, err := xsignin.New(exampleConfig(x))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/compose", kit.RequireScopes("tweet.write")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "write away")
	})))

	v := newVisitor(mux, x)
	v.signIn("/auth/login")
	fmt.Println(v.get("/compose", "Accept", "application/json").Status)
	login := v.get("/compose").Header.Get("Location")
	fmt.Println("sent to", login)
	fmt.Println("and back to", v.signIn(login).Header.Get("Location"))
	fmt.Println(body(v.get("/compose")))
	// Output:
	// 403 Forbidden
	// sent to /auth/login?return_to=%2Fcompose&scope=tweet.write
	// and back to /compose
	// write away
}

// OnSignIn decides which users may sign in, and sets the application's id for each user. Here
// the id is that of a row in the application's table of users.
func ExampleConfig_onSignIn() {
	rows := map[string]string{"6253282": "row-1"}
	x := xtest.New(xtest.Config{})
	cfg := exampleConfig(x)
	cfg.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
		row, ok := rows[s.User.AccountID]
		if !ok {
			return provider.ErrNotAllowed
		}
		s.User.ID = row
		return nil
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v := newVisitor(kit, x)
	fmt.Println("on the list:", v.signIn("/auth/login").StatusCode)
	delete(rows, "6253282")
	fmt.Println("not on it:", v.signIn("/auth/login").StatusCode)
	// Output:
	// on the list: 303
	// not on it: 403
}

// The same handlers support both of X's protocols. The visitor chooses one, and a user may hold
// a token of each.
func ExampleKit_Accounts() {
	x := xtest.New(xtest.Config{})
	cfg := exampleConfig(x)
	cfg.OAuth1.ConsumerKey, cfg.OAuth1.ConsumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v := newVisitor(kit, x)
	v.signIn("/auth/login")
	v.signIn("/auth/login/x-oauth1")

	accounts, err := kit.Accounts(context.Background(), xtest.DefaultUserID)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range accounts {
		left := "never"
		if !a.Token.Expiry.IsZero() {
			left = "in " + time.Until(a.Token.Expiry).Round(time.Minute).String()
		}
		fmt.Println(a.Key.Provider, "expires", left)
	}
	// Output:
	// x expires in 2h0m0s
	// x-oauth1 expires never
}

// A background job acts for a user who is away. The client refreshes the token when needed.
func ExampleKit_ClientFor() {
	x := xtest.New(xtest.Config{})
	xapi.Mount(x) // the local X has posts then
	kit, err := xsignin.New(func() xsignin.Config {
		cfg := exampleConfig(x)
		cfg.Scopes = []string{"tweet.read", "users.read", "tweet.write", "offline.access"}
		cfg.Advanced.KeepTokensOnLogout = true // a sign-out ends the session, not the job
		return cfg
	}())
	if err != nil {
		log.Fatal(err)
	}
	newVisitor(kit, x).signIn("/auth/login")

	key := xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	resp, err := kit.ClientFor(key).Post("https://api.x.com/2/tweets", "application/json", strings.NewReader(`{"text":"good morning"}`))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)

	_, err = kit.ClientFor(xsignin.Key{Provider: "x", UserID: "0", AccountID: "0"}).Get("https://api.x.com/2/users/me")
	fmt.Println("nobody's token:", errors.Is(err, client.ErrReauthRequired))
	// Output:
	// 201
	// nobody's token: true
}

// One hook receives all events, for metrics, traces and audit logs.
func ExampleConfig_events() {
	count := make(map[event.Kind]int)
	x := xtest.New(xtest.Config{})
	cfg := exampleConfig(x)
	cfg.OnEvent = func(_ context.Context, e event.Event) { count[e.Kind]++ }
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v := newVisitor(kit, x)
	v.signIn("/auth/login")
	v.get("/auth/callback?state=a-stranger-sent-this")
	fmt.Println("begun", count[event.SignInBegun], "done", count[event.SignInDone], "failed", count[event.SignInFailed])
	// Output: begun 1 done 1 failed 1
}

// Check reports mistakes in a deployment and how to fix them. Here the callback is not the one
// registered at X.
func ExampleKit_Check() {
	x := xtest.New(xtest.Config{Callbacks: []string{"http://localhost:8080/auth/callback"}})
	cfg := exampleConfig(x)
	cfg.OAuth1.ConsumerKey, cfg.OAuth1.ConsumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range kit.Check(context.Background(), nil) {
		fmt.Printf("%s: %s: %s %s\n", f.Severity, f.Provider, f.Problem, f.Fix)
	}
	// Output: error: x-oauth1: The callback is not registered at X. Register the callback at X, to the letter: http://127.0.0.1:8080/auth/callback.
}

// The kit can use an application's existing sessions. The sign-in renews the session's id and
// keeps the visitor's values.
func ExampleConfig_sessions() {
	x := xtest.New(xtest.Config{})
	sessions := scs.New()
	sessions.HashTokenInStore = true
	cfg := exampleConfig(x)
	cfg.Session.Manager = sessions
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.HandleFunc("/cart", func(w http.ResponseWriter, r *http.Request) {
		sessions.Put(r.Context(), "things", sessions.GetInt(r.Context(), "things")+1)
		_, _ = fmt.Fprintln(w, sessions.GetInt(r.Context(), "things"))
	})
	app := sessions.LoadAndSave(mux)

	v := newVisitor(app, x)
	v.get("/cart")
	v.signIn("/auth/login")
	fmt.Println(body(v.get("/cart")))
	// Output: 2
}

// The kit's pages can use the visitor's language. All texts are in the [page.Page], so the
// default layout works for all languages.
func ExampleConfig_pages() {
	x := xtest.New(xtest.Config{})
	cfg := exampleConfig(x)
	cfg.Pages.Render = func(w http.ResponseWriter, r *http.Request, p xsignin.Page) {
		// A real application uses a matcher such as golang.org/x/text/language.
		german := strings.HasPrefix(r.Header.Get("Accept-Language"), "de")
		w.Header().Add("Vary", "Accept-Language")
		if german && p.Kind == page.SignOut {
			p.Lang, p.Title, p.Label, p.HomeLabel = "de", "Abmelden?", "Abmelden", "Zurück"
			p.Text = "Sie werden in diesem Browser von dieser Website abgemeldet. Bei X bleiben Sie angemeldet."
		}
		p.Render(w, r)
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v := newVisitor(kit, x)
	v.signIn("/auth/login")
	for _, language := range []string{"de-AT,de;q=0.9", "fr"} {
		fmt.Println(title(v.get("/auth/logout", "Accept-Language", language)))
	}
	// Output:
	// 200 Abmelden?
	// 200 Sign out?
}

// The application can render the kit's pages itself. The kit sets the status. The application
// has to set the Content-Security-Policy.
func ExampleConfig_pagesOfOnesOwn() {
	own := template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Lang}}"><title>{{.Title}} - Example</title>
<h1>{{.Title}}</h1><p>{{.Text}} {{.RetryText}}</p>
{{if .Post}}<form method="post" action="{{.Link}}"><button>{{.Label}}</button></form>
{{else if .Label}}<a href="{{.Link}}">{{.Label}}</a>{{end}}`))
	x := xtest.New(xtest.Config{})
	cfg := exampleConfig(x)
	cfg.Pages.Render = func(w http.ResponseWriter, _ *http.Request, p xsignin.Page) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'")
		if err := own.Execute(w, p); err != nil {
			log.Print(err)
		}
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v := newVisitor(kit, x)
	fmt.Println(title(v.get("/auth/callback?denied=somebody-elses")))
	fmt.Println(title(v.get("/auth/logout")))
	// Output:
	// 400 This sign-in was not started in this browser - Example
	// 200 You are not signed in - Example
}

// title returns the status and the title of a page.
func title(resp *http.Response) string {
	_, after, _ := strings.Cut(body(resp), "<title>")
	text, _, _ := strings.Cut(after, "</title>")
	return fmt.Sprint(resp.StatusCode, " ", text)
}

// The application's own program, on a phone or a desktop, runs the sign-in at X and sends the
// code to the site. It keeps the cookie of the response.
func ExampleNativeClients() {
	const redirect = "com.example.app:/callback" // registered at X too
	x := xtest.New(xtest.Config{Callbacks: []string{redirect}})
	cfg := exampleConfig(x)
	cfg.Advanced.Native = handlers.NativeClients{RedirectURIs: []string{redirect}}
	kit, err := xsignin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}

	// The program has the client id and no secret. X redirects the browser to the program.
	program := oauth2.Config{
		ClientID: xtest.DefaultClientID, RedirectURL: redirect, Scopes: []string{"tweet.read", "users.read", "offline.access"},
		Endpoint: oauth2.Endpoint{AuthURL: "https://x.com/i/oauth2/authorize"},
	}
	verifier := oauth2.GenerateVerifier()
	callback, err := x.Approve(program.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), xtest.DefaultUserID)
	if err != nil {
		log.Fatal(err)
	}
	u, _ := url.Parse(callback)
	grant, _ := json.Marshal(map[string]string{
		"provider": "x", "code": u.Query().Get("code"), "code_verifier": verifier, "redirect_uri": redirect,
	})
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/auth/native", bytes.NewReader(grant))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	kit.ServeHTTP(w, r)

	var answer struct{ User provider.User }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Code, answer.User.Username, w.Result().Cookies()[0].Name)
	// Output: 200 demo xsignin
}

// An application's test can sign in with a local X: without keys or network, and with any
// failure of X.
func ExampleNew_test() {
	x := xtest.New(xtest.Config{})
	kit, err := xsignin.New(exampleConfig(x)) // Transport: x.Transport()
	if err != nil {
		log.Fatal(err)
	}
	v := newVisitor(kit, x)

	callback, err := x.Deny(v.get("/auth/login").Header.Get("Location"), xtest.DefaultUserID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the user says no:", v.get(callback).StatusCode)

	x.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: http.StatusServiceUnavailable, Times: 1})
	fmt.Println("X is down:", v.signIn("/auth/login").StatusCode)
	fmt.Println("and back:", v.signIn("/auth/login").StatusCode)
	// Output:
	// the user says no: 403
	// X is down: 502
	// and back: 303
}
