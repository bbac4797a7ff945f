package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// NativeClients selects what [Handlers.Native] accepts. The zero value accepts nothing.
type NativeClients struct {
	// RedirectURIs are the redirect URIs of the application's programs, such as
	// com.example.app:/callback or http://127.0.0.1:8765/callback. Register each at X too. A
	// code is accepted only with one of them, compared to the letter. The site's callbacks
	// cannot be among them.
	RedirectURIs []string
	// TokenPairs also accepts OAuth 1.0a access tokens with their secrets. Such a pair does
	// not expire, and can be used again: its holder can sign in as its user while the user
	// allows the application. A sign-out revokes the pair, unless KeepTokensOnLogout is set,
	// and so does a sign-in that fails after X accepted the pair.
	TokenPairs bool
}

// validate reports the errors of n, which is a part of c.
func (n NativeClients) validate(faults *configerr.List, c Config) {
	for i, raw := range n.RedirectURIs {
		field := fmt.Sprintf("Config.Native.RedirectURIs[%d]", i)
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Scheme == "" || strings.Contains(raw, "#") || (u.Host == "" && u.Path == "" && u.Opaque == ""):
			faults.Add(field, "must be an absolute URI without a fragment, such as com.example.app:/callback")
		case xplatform.RefusesScheme(u.Scheme):
			faults.Add(field, "has the scheme %q, which X refuses: use https, a loopback address or the program's own scheme", u.Scheme)
		case c.isCallback(u):
			// Only the browser that began a sign-in may use the codes of the site's callback.
			faults.Add(field, "is the site's own callback: register another one for the program")
		}
	}
	if len(n.RedirectURIs) > 0 && !slices.ContainsFunc(c.Providers, isA[provider.CodeExchanger]) {
		faults.Add("Config.Native.RedirectURIs", "is set, and no provider is a provider.CodeExchanger: pass provider.NewX")
	}
	if n.TokenPairs && !slices.ContainsFunc(c.Providers, isA[provider.TokenVerifier]) {
		faults.Add("Config.Native.TokenPairs", "is set, and no provider is a provider.TokenVerifier: pass provider.NewXOAuth1")
	}
}

// isCallback reports whether u is a callback of the site.
func (c Config) isCallback(u *url.URL) bool {
	callback := c.Path + "/callback"
	return c.Origin != "" && strings.EqualFold(u.Scheme+"://"+u.Host, c.Origin) &&
		(u.Path == callback || strings.HasPrefix(u.Path, callback+"/"))
}

// isA reports whether p implements T.
func isA[T any](p provider.Provider) bool {
	_, ok := p.(T)
	return ok
}

// Limits of what a program sends. X's codes and tokens have about 100 bytes.
const (
	maxNativeBody   = 16 << 10
	maxNativeSecret = 4 << 10
)

var (
	// verifierShape is RFC 7636, 4.1, without its maximum: X and its own SDK ignore it.
	verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,}$`)
	secretShape   = regexp.MustCompile(`^[!-~]+$`)
)

// Native signs in the user of the application's program on a phone, a desktop or a command
// line (RFC 8252). The program has asked X itself. It posts, as JSON, the authorization code
// of X and the PKCE verifier:
//
//	{"provider":"x","code":"…","code_verifier":"…","redirect_uri":"com.example.app:/callback"}
//
// or an OAuth 1.0a access token, if [NativeClients.TokenPairs] allows it:
//
//	{"provider":"x-oauth1","oauth_token":"…","oauth_token_secret":"…"}
//
// Native asks X for the user. Then the same happens as at a callback: OnSignIn is called, the
// token is saved, and the session begins. If a step fails, nothing is kept.
//
// The response is that of [Handlers.Session] with the session cookie. The program keeps the
// cookie, as HTTP clients with a cookie jar do. The session has no other form. Pages in a web
// view have other cookies.
//
// Pages cannot use Native: such a page could sign visitors in to another account. Requests
// with an Origin, or with a Sec-Fetch-Site other than none, are refused, also those of the
// application's pages and web views. The body must be application/json with at most 16
// KiB, no other field, and no field twice.
//
// Failures are problem documents (RFC 9457) with these codes:
//
//   - expired and token_refused (400): begin again at X. The code was used, is older than X's
//     30 seconds, or belongs to another verifier.
//   - not_allowed (403): the OnSignIn hook refused the user.
//   - rate_limited (429), unavailable and internal (503): wait for Retry-After, then use a
//     new code.
//   - refused (502): the operator has to act.
//   - bad_request, unknown_provider, unsupported and unknown_redirect_uri (400), not_native
//     (403), method_not_allowed (405), too_large (413), not_json (415): the program is wrong.
//
// Each well-formed request costs calls to X, which X bills and limits: two for a code, one
// for a pair, and one for an invented code. Limit how often a client may call Native.
func (h *Handlers) Native() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		a := attempt{begun: h.cfg.Now()}
		user, err := h.native(w, r, &a)
		if err != nil {
			h.failNative(w, r, a, err)
			return
		}
		h.cfg.OnEvent.Tell(r.Context(), event.Event{
			Kind: event.SignInDone, Time: h.cfg.Now(), Duration: h.cfg.Now().Sub(a.begun),
			Provider: user.Provider, UserID: user.ID,
		})
		h.cfg.Logger.InfoContext(r.Context(), "xsignin: signed in", "provider", user.Provider, "user_id", user.ID, "native", true)
		user.SignedInAt = user.SignedInAt.UTC().Truncate(time.Millisecond) // as the session keeps it
		h.sessionIs(w, &user)
	})
}

// native signs in, and fills in a.
func (h *Handlers) native(w http.ResponseWriter, r *http.Request, a *attempt) (provider.User, error) {
	var none provider.User
	g, err := h.readGrant(w, r)
	if err != nil {
		return none, err
	}
	p, ok := h.byName[g.provider]
	if !ok {
		return none, mistake("unknown_provider")
	}
	a.provider = p.Name()
	ask, err := h.asker(p, g)
	if err != nil {
		return none, err
	}
	// The first request to X uses up the code, so the sign-in goes on if the program leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.cfg.Timeout)
	defer cancel()
	user, token, err := ask(ctx)
	if err != nil {
		return none, err
	}
	return h.admit(ctx, w, p, SignIn{User: user, Token: token, Request: r})
}

// asker returns the request to p about g.
func (h *Handlers) asker(p provider.Provider, g grant) (func(context.Context) (provider.User, tokenstore.Token, error), error) {
	unsupported := mistake("unsupported")
	if g.isPair() {
		prover, ok := p.(provider.TokenVerifier)
		if !ok || !h.cfg.Native.TokenPairs {
			return nil, unsupported
		}
		return func(ctx context.Context) (provider.User, tokenstore.Token, error) {
			return prover.VerifyToken(ctx, tokenstore.Token{AccessToken: g.token, TokenSecret: g.secret})
		}, nil
	}
	exchanger, ok := p.(provider.CodeExchanger)
	if !ok || len(h.cfg.Native.RedirectURIs) == 0 {
		return nil, unsupported
	}
	if !slices.Contains(h.cfg.Native.RedirectURIs, g.redirectURI) {
		return nil, mistake("unknown_redirect_uri")
	}
	return func(ctx context.Context) (provider.User, tokenstore.Token, error) {
		return exchanger.ExchangeCode(ctx, g.code, g.verifier, g.redirectURI)
	}, nil
}

// grant is what a program sends: a code with its verifier, or a token pair.
type grant struct {
	provider, code, verifier, redirectURI, token, secret string
}

func (g grant) isPair() bool { return g.token != "" || g.secret != "" }

// readGrant reads r's body. It refuses requests of pages.
func (h *Handlers) readGrant(w http.ResponseWriter, r *http.Request) (grant, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return grant{}, mistake("method_not_allowed")
	}
	if fromPage(r) {
		return grant{}, mistake("not_native")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return grant{}, mistake("not_json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNativeBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return grant{}, mistake("too_large")
	case err != nil:
		return grant{}, badRequest("The body is incomplete.")
	}
	return parseGrant(body)
}

// fromPage reports whether a page in a browser sent r. Current browsers send at least one of
// the two headers with a POST.
func fromPage(r *http.Request) bool {
	_, origin := r.Header["Origin"]
	return origin || slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool { return site != "none" })
}

// parseGrant reads a JSON object of strings. Unmarshal would accept repeated names, and names
// in any case.
func parseGrant(body []byte) (grant, error) {
	var g grant
	fields := map[string]*string{
		"provider": &g.provider, "code": &g.code, "code_verifier": &g.verifier, "redirect_uri": &g.redirectURI,
		"oauth_token": &g.token, "oauth_token_secret": &g.secret,
	}
	noObject := badRequest("The body must be a JSON object of strings that are not empty.")
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return grant{}, noObject
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return grant{}, noObject
		}
		field := fields[name.(string)] // More and no error: a name
		if field == nil {
			return grant{}, badRequest("A field is unknown or repeated.")
		}
		delete(fields, name.(string))
		value, err := dec.Token()
		text, ok := value.(string)
		if err != nil || !ok || text == "" {
			return grant{}, noObject
		}
		*field = text
	}
	if _, err := dec.Token(); err != nil {
		return grant{}, noObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return grant{}, noObject
	}
	return g, g.check()
}

// check returns an error if a field is missing or invalid.
func (g grant) check() error {
	hasCode := g.code != "" || g.verifier != "" || g.redirectURI != ""
	switch {
	case g.provider == "":
		return badRequest("The field provider is missing.")
	case hasCode == g.isPair():
		return badRequest("Send code, code_verifier and redirect_uri, or oauth_token and oauth_token_secret.")
	case g.isPair() && (!isSecret(g.token) || !isSecret(g.secret)):
		return badRequest("The fields oauth_token and oauth_token_secret must have X's values.")
	case hasCode && !isSecret(g.code):
		return badRequest("The field code must have X's value.")
	case hasCode && !verifierShape.MatchString(g.verifier):
		return badRequest("The field code_verifier must have 43 or more of the characters of RFC 7636.")
	case hasCode && g.redirectURI == "":
		return badRequest("The field redirect_uri is missing.")
	}
	return nil
}

// isSecret reports whether s can be a code or a part of a pair.
func isSecret(s string) bool { return len(s) <= maxNativeSecret && secretShape.MatchString(s) }

// mistake is the error of a request that no program should send. It quotes nothing of the
// request.
func mistake(kind page.Kind) error { return &page.Error{Kind: kind} }

// badRequestError is a [page.BadRequest] with another text.
type badRequestError struct{ detail string }

// Error implements error.
func (e *badRequestError) Error() string { return "handlers: native: " + e.detail }

func badRequest(detail string) error { return &badRequestError{detail} }

// nativeProblem is [page.ProblemFor] for a program.
func nativeProblem(err error) page.Problem {
	var bad *badRequestError
	if errors.As(err, &bad) {
		p := page.ProblemOf(page.BadRequest)
		p.Detail = bad.detail
		return p
	}
	if errors.Is(err, provider.ErrTokenRefused) {
		return page.ProblemOf(page.TokenRefused)
	}
	p := page.ProblemFor(err)
	switch p.Kind {
	case page.RateLimited:
		p.Status = http.StatusTooManyRequests
	case page.Unavailable:
		p.Status = http.StatusServiceUnavailable
	}
	return p
}

// failNative ends a sign-in of a program that failed.
func (h *Handlers) failNative(w http.ResponseWriter, r *http.Request, a attempt, err error) {
	if visitorLeft(r, err) {
		err = &page.Error{Kind: page.VisitorLeft, Err: err}
	}
	p := nativeProblem(err)
	h.report(r, a, p, err)
	if r.Context().Err() != nil {
		return // w may belong to another request already
	}
	p.SetRetryAfter(w.Header(), h.cfg.Now())
	h.cfg.Pages.Problem(r, p).Write(w)
}
