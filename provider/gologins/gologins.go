// Package gologins signs people in with GitHub and Google, through the packages that
// gologin has for them. It is a module of its own, since those link some 250 packages; any
// provider by provider.NewOAuth2 links none.
//
// The sign-in is that of provider.OAuth2, with state and PKCE, and refresh where the
// provider has it. gologin asks who signed in, checks the answer and gives its types.
package gologins

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dghubble/gologin/v2"
	login "github.com/dghubble/gologin/v2/oauth2"
	"golang.org/x/oauth2"
)

// Config is an application registered with a provider. ClientID, ClientSecret and
// CallbackURL are required.
type Config struct {
	// Name is the provider's name in the kit. Default "github" or "google".
	Name string
	// ClientID and ClientSecret are what the provider gave the application.
	ClientID, ClientSecret string
	// CallbackURL is registered with the application: with a kit its PublicURL +
	// "/auth/callback/" + Name, or "/auth/callback", see [provider.OAuth2Config].
	CallbackURL string
	// Scopes are what a sign-in asks for. See [GitHub] and [Google] for the defaults.
	Scopes []string
	// Offline asks Google for a refresh token, which it gives when the user is asked to
	// consent, so at each sign-in they are. GitHub has no such thing.
	Offline bool
	// Transport carries the provider's own calls. Default: one of its own.
	Transport http.RoundTripper
	// Timeout bounds each call. Default 10 seconds.
	Timeout time.Duration
}

// exchange is an address that nobody is asked at.
const exchange = "https://exchange.invalid/token"

// ask gets U by one of gologin's callback handlers. They ask for the user only after an
// exchange of the code, which has been made by now, with PKCE. So the handler is answered
// a placeholder there; client attaches the token, which gologin never sees.
func ask[U any](ctx context.Context, client *http.Client,
	handler func(config *oauth2.Config, success, failure http.Handler) http.Handler, user func(context.Context) (U, error),
) (U, error) {
	var u U
	var err error
	success := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { u, err = user(r.Context()) })
	failure := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { err = gologin.ErrorFromContext(r.Context()) })
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport: exchanged{client.Transport}, CheckRedirect: client.CheckRedirect,
	})
	r, bad := http.NewRequestWithContext(login.WithState(ctx, "state"), http.MethodGet, "/?code=code&state=state", http.NoBody)
	if bad != nil {
		return u, bad
	}
	config := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: exchange, AuthStyle: oauth2.AuthStyleInParams}}
	handler(config, success, failure).ServeHTTP(nil, r)
	return u, err
}

// exchanged answers the exchange, and passes everything else on.
type exchanged struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (e exchanged) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != exchange {
		return e.next.RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(`{"access_token":"placeholder","token_type":"bearer"}`)),
	}, nil
}
