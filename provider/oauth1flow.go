package provider

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"

	"github.com/dghubble/gologin/v2"
	login "github.com/dghubble/gologin/v2/oauth1"
	"github.com/dghubble/oauth1"

	"github.com/xsignin/xsignin/tokenstore"
)

// flow1 is one application registered for OAuth 1.0a: what X and every other provider
// share. It is what a provider holds: see redact.go.
type flow1 struct {
	svc   *service
	oauth *oauth1.Config
	// refusal makes the error for a token call that was not granted.
	refusal func(*flow1, *call) *Error
}

// newFlow1 makes the flow of an application with the endpoints at.
func newFlow1(svc *service, key, secret, callback string, at oauth1.Endpoint, refusal func(*flow1, *call) *Error) *flow1 {
	svc.secrets = []string{secret}
	return &flow1{svc: svc, refusal: refusal, oauth: &oauth1.Config{
		ConsumerKey: key, ConsumerSecret: secret, CallbackURL: callback, Endpoint: at, Noncer: noncer{},
	}}
}

// begin fetches a request token.
func (f *flow1) begin(ctx context.Context) (*url.URL, Pending, error) {
	c := f.svc.call(ctx, "request_token")
	defer c.stop()
	p := Pending{Provider: f.svc.name}
	var redirect *url.URL
	cfg := f.config(c)
	f.drive(c, nil, func(success, failure http.Handler) http.Handler {
		return login.LoginHandler(cfg, success, failure)
	}, func(ctx context.Context) (err error) {
		if p.State, p.Secret, err = login.RequestTokenFromContext(ctx); err == nil {
			redirect, err = cfg.AuthorizationURL(p.State)
		}
		return err
	})
	if redirect == nil {
		if c.err != nil || !c.answer.ok() {
			return nil, Pending{}, f.refusal(f, c)
		}
		return nil, Pending{}, c.unusable("the answer has no request token, or oauth_callback_confirmed is not true")
	}
	return redirect, p, nil
}

// verifier takes the verifier out of a callback that belongs to p.
func (f *flow1) verifier(p Pending, callback url.Values) (string, error) {
	fail := func(kind error) (string, error) {
		return "", &Error{Kind: kind, Provider: f.svc.name, Op: "callback"}
	}
	mine := p.Provider == f.svc.name && p.Secret != ""
	if mine && same(single(callback, "denied"), p.State) {
		return fail(ErrDenied)
	}
	if !mine || !same(single(callback, "oauth_token"), p.State) {
		return fail(ErrOtherBrowser)
	}
	verifier := single(callback, "oauth_verifier")
	if verifier == "" {
		return fail(ErrDenied)
	}
	return verifier, nil
}

// exchange trades the request token and the verifier for a token. The call has the whole
// answer.
func (f *flow1) exchange(ctx context.Context, p Pending, verifier string) (tokenstore.Token, *call, error) {
	c := f.svc.call(ctx, "access_token", p.State, p.Secret, verifier)
	defer c.stop()
	query := url.Values{"oauth_token": {p.State}, "oauth_verifier": {verifier}}
	t := tokenstore.Token{ObtainedAt: f.svc.now()}
	f.drive(c, query, func(success, failure http.Handler) http.Handler {
		next := login.CallbackHandler(f.config(c), success, failure)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(login.WithRequestToken(r.Context(), p.State, p.Secret)))
		})
	}, func(ctx context.Context) (err error) {
		t.AccessToken, t.TokenSecret, err = login.AccessTokenFromContext(ctx)
		return err
	})
	if c.err != nil || !c.answer.ok() {
		return tokenstore.Token{}, c, f.refusal(f, c)
	}
	if t.AccessToken == "" || t.TokenSecret == "" {
		return tokenstore.Token{}, c, c.unusable("the answer has no oauth_token and oauth_token_secret")
	}
	return t, c, nil
}

// config is a copy for one call: dghubble/oauth1 keeps the client in it.
func (f *flow1) config(c *call) *oauth1.Config {
	cfg := *f.oauth
	cfg.HTTPClient = c.client()
	return &cfg
}

// drive runs one of gologin's handlers on a request made up for it and gives done the
// context that it ends with. The handler's own errors are not looked at: the call has
// kept what they are made from.
func (f *flow1) drive(c *call, query url.Values, handler func(success, failure http.Handler) http.Handler, done func(context.Context) error) {
	success := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := done(r.Context()); err != nil && c.err == nil {
			c.err = err
		}
	})
	failure := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if c.answer == nil && c.err == nil {
			c.err = gologin.ErrorFromContext(r.Context())
		}
	})
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query.Encode()}}).WithContext(c.ctx)
	handler(success, failure).ServeHTTP(nil, r)
}

// noncer makes nonces of 26 letters and digits, with 130 random bits. X asks for letters and
// digits, and other servers take 20 to 30 of them.
type noncer struct{}

func (noncer) Nonce() string { return rand.Text() }
