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
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// NativeClients says what [Handlers.Native] takes. The zero value is nothing.
type NativeClients struct {
	// RedirectURIs are those of the application's own programs, such as
	// com.example.app:/callback or http://127.0.0.1:8765/callback, each registered at X
	// too. A code is taken only with one of them, compared to the letter. The site's own
	// callbacks cannot be among them.
	RedirectURIs []string
	// TokenPairs takes OAuth 1.0a access tokens with their secrets too. Such a pair does not
	// expire and is not spent: who has one can sign in as its user for as long as the user
	// allows the application. It is from then on the kit's as well: a sign-out
	// revokes it, unless Config.KeepTokens, and so does a sign-in that fails half-way here.
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

// maxNativeBody bounds what a program sends. X's codes and tokens are about 100 bytes.
const (
	maxNativeBody   = 16 << 10
	maxNativeSecret = 4 << 10
)

var (
	// verifierShape is RFC 7636, 4.1, without its maximum: X and its own SDK ignore it.
	verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,}$`)
	secretShape   = regexp.MustCompile(`^[!-~]+$`)
)

// Native signs in the user of a program of the application's own - on a phone, a desktop, a
// command line - which has asked X by itself (RFC 8252). The program sends, by POST and as
// JSON, the authorization code that X gave it and the PKCE verifier that it kept:
//
//	{"provider":"x","code":"…","code_verifier":"…","redirect_uri":"com.example.app:/callback"}
//
// or, where [NativeClients.TokenPairs] allows it, an OAuth 1.0a access token:
//
//	{"provider":"x-oauth1","oauth_token":"…","oauth_token_secret":"…"}
//
// Nothing of it is believed: X is asked, as at a callback, and says whose it is. Then the
// same happens as at a callback: the OnSignIn hook is asked, the token saved, the session made,
// and if a step fails nothing of it remains.
//
// The answer is that of [Handlers.Session] with the session's cookie. The program keeps the
// cookie, as HTTP clients with a cookie jar do, and sends it along afterwards; there is no
// other form of the session. A page in a web view has cookies of its own.
//
// This is for programs and not for pages: a page that could post here would sign visitors in
// as somebody else. What a browser says it sends on behalf of a page - any Origin, any
// Sec-Fetch-Site but none - is refused, the application's own pages and web views included.
// The body has to be application/json, of at most 16 KiB, with no other field and none twice.
//
// Failures are problem documents (RFC 9457). Of their codes expired (400; the code is spent or
// older than X's 30 seconds, or the verifier is another's) and token_refused (400) mean to
// begin again at X; not_allowed (403) is the OnSignIn hook's; rate_limited (429) and
// unavailable and internal (503) mean to wait for Retry-After, with a new code; refused (502) is
// for the operator. The others are mistakes of the program: bad_request,
// unknown_provider, unsupported and unknown_redirect_uri (400), not_native (403),
// method_not_allowed (405), too_large (413), not_json (415).
//
// Each request that is well formed costs calls to X, two for a code and one for a pair, which
// X bills and limits; made-up codes cost one. The application should limit how often a
// stranger may ask.
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

// native does what Native says and fills in a as it learns.
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
	// A program that hangs up must not leave half of it: the code is spent by the first
	// question.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.cfg.Timeout)
	defer cancel()
	user, token, err := ask(ctx)
	if err != nil {
		return none, err
	}
	return h.admit(ctx, w, p, SignIn{User: user, Token: token, Request: r})
}

// asker is how p is asked about g.
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

// grant is what a program sends: a code with what belongs to it, or a token pair.
type grant struct {
	provider, code, verifier, redirectURI, token, secret string
}

func (g grant) isPair() bool { return g.token != "" || g.secret != "" }

// readGrant reads r's body, if r is no page's.
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
		return grant{}, badRequest("The body broke off.")
	}
	return parseGrant(body)
}

// fromPage reports whether r says that a page made a browser send it. Every browser of today
// sends one header or the other with a POST.
func fromPage(r *http.Request) bool {
	_, origin := r.Header["Origin"]
	return origin || slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool { return site != "none" })
}

// parseGrant reads a JSON object of strings. encoding/json alone would take the last of two
// equal names, and any case.
func parseGrant(body []byte) (grant, error) {
	var g grant
	fields := map[string]*string{
		"provider": &g.provider, "code": &g.code, "code_verifier": &g.verifier, "redirect_uri": &g.redirectURI,
		"oauth_token": &g.token, "oauth_token_secret": &g.secret,
	}
	noObject := badRequest("The body must be a JSON object of strings, none of them empty.")
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
			return grant{}, badRequest("A field is unknown, or there twice.")
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

// check tells what g lacks.
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

// isSecret reports whether s may be a code or half a pair.
func isSecret(s string) bool { return len(s) <= maxNativeSecret && secretShape.MatchString(s) }

// mistake is the error of a request that no program should send. It quotes nothing of the
// request.
func mistake(kind page.Kind) error { return &page.Error{Kind: kind} }

// badRequestError is a [page.BadRequest] with a text of its own.
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
	p := nativeProblem(err)
	h.report(r, a, p, err)
	p.SetRetryAfter(w.Header(), h.cfg.Now())
	h.cfg.Pages.Problem(r, p).Write(w)
}
