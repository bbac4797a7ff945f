package handlers

import (
	"bytes"
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
// token is saved, and the session begins. If a step fails, nothing is kept. The response is
// that of [Handlers.Session] with the session cookie, which the program keeps. Failures are
// problem documents (RFC 9457); docs/native.md lists their codes.
//
// Pages cannot use Native: such a page could sign visitors in to another account. Requests
// with an Origin, or with a Sec-Fetch-Site other than none, are refused, also those of the
// application's pages and web views. The body must be application/json with at most 16
// KiB, no other field, and no field twice.
//
// Each well-formed request costs calls to X, which X bills and limits: two for a code, one
// for a pair, and one for an invented code. Limit how often a client may call Native.
func (h *Handlers) Native() http.Handler {
	return h.handler(func(c *call) {
		user, err := c.native()
		if err != nil {
			if p, err := c.report(err, nativeProblem); err != nil {
				h.cfg.Pages.Write(c.w, c.r, p)
			}
			return
		}
		user.SignedInAt = user.SignedInAt.UTC().Truncate(time.Millisecond) // as the session keeps it
		c.sessionIs(&user)
	})
}

// native signs in.
func (c *call) native() (provider.User, error) {
	var none provider.User
	g, err := readGrant(c.w, c.r)
	if err != nil {
		return none, err
	}
	p, ok := c.h.byName[g.provider]
	if !ok {
		return none, page.Kind("unknown_provider")
	}
	c.provider = p.Name()
	accepted := c.h.cfg.Native
	exchanger, takesCodes := p.(provider.CodeExchanger)
	verifier, takesPairs := p.(provider.TokenVerifier)
	if g.isPair() {
		ok = takesPairs && accepted.TokenPairs
	} else {
		ok = takesCodes && len(accepted.RedirectURIs) > 0
	}
	switch {
	case !ok:
		return none, page.Kind("unsupported")
	case !g.isPair() && !slices.Contains(accepted.RedirectURIs, g.redirectURI):
		return none, page.Kind("unknown_redirect_uri")
	}
	// The first request to X uses up the code, so the sign-in goes on if the program leaves.
	ctx, cancel := c.h.detached(c.r.Context())
	defer cancel()
	var s SignIn
	if g.isPair() {
		s.User, s.Token, err = verifier.VerifyToken(ctx, tokenstore.Token{AccessToken: g.token, TokenSecret: g.secret})
	} else {
		s.User, s.Token, err = exchanger.ExchangeCode(ctx, g.code, g.verifier, g.redirectURI)
	}
	if err != nil {
		return none, err
	}
	return c.admit(ctx, p, s)
}

// maxNativeBody bounds what a program sends. X's codes and tokens have about 100 bytes.
const maxNativeBody = 16 << 10

var (
	// verifierShape is RFC 7636, 4.1, without its maximum: X and its own SDK ignore it.
	verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,}$`)
	// secretShape is what a code or a part of a pair can be.
	secretShape = regexp.MustCompile(`^[!-~]+$`)
)

// grant is what a program sends: a code with its verifier, or a token pair.
type grant struct {
	provider, code, verifier, redirectURI, token, secret string
}

func (g grant) isPair() bool { return g.token != "" || g.secret != "" }

// readGrant reads r's body. It refuses requests of pages in browsers. Current browsers send
// Origin or Sec-Fetch-Site with a POST.
func readGrant(w http.ResponseWriter, r *http.Request) (grant, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return grant{}, page.Kind("method_not_allowed")
	}
	_, origin := r.Header["Origin"]
	if origin || slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool { return site != "none" }) {
		return grant{}, page.Kind("not_native")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return grant{}, page.Kind("not_json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNativeBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return grant{}, page.Kind("too_large")
	case err != nil:
		return grant{}, page.Kind("incomplete_body")
	}
	return parseGrant(body)
}

// parseGrant reads a JSON object of strings. Unmarshal would accept repeated names, so the
// tokens are counted: two for each field, and two braces.
func parseGrant(body []byte) (grant, error) {
	var values map[string]string
	if err := json.Unmarshal(body, &values); err != nil {
		return grant{}, page.Kind("not_an_object")
	}
	tokens := 0
	for dec := json.NewDecoder(bytes.NewReader(body)); ; tokens++ {
		if _, err := dec.Token(); err != nil {
			break
		}
	}
	var g grant
	fields := map[string]*string{
		"provider": &g.provider, "code": &g.code, "code_verifier": &g.verifier, "redirect_uri": &g.redirectURI,
		"oauth_token": &g.token, "oauth_token_secret": &g.secret,
	}
	for name, value := range values {
		if fields[name] == nil || value == "" || tokens != 2*len(values)+2 {
			return grant{}, page.Kind("unknown_field")
		}
		*fields[name] = value
	}
	return g, g.check()
}

// check returns an error if a field is missing or invalid.
func (g grant) check() error {
	hasCode := g.code != "" || g.verifier != "" || g.redirectURI != ""
	switch {
	case g.provider == "":
		return page.Kind("no_provider")
	case hasCode == g.isPair():
		return page.Kind("no_grant")
	case g.isPair() && (!isSecret(g.token) || !isSecret(g.secret)), hasCode && !isSecret(g.code):
		return page.Kind("bad_secret")
	case hasCode && !verifierShape.MatchString(g.verifier):
		return page.Kind("bad_verifier")
	case hasCode && g.redirectURI == "":
		return page.Kind("no_redirect_uri")
	}
	return nil
}

func isSecret(s string) bool { return len(s) <= 4<<10 && secretShape.MatchString(s) }

// nativeProblem is [page.ProblemFor] for a program.
func nativeProblem(err error) page.Problem {
	if errors.Is(err, provider.ErrTokenRefused) {
		return page.ProblemFor(page.Kind("token_refused"))
	}
	p := page.ProblemFor(err)
	switch p.Kind {
	case "rate_limited":
		p.Status = http.StatusTooManyRequests
	case "unavailable":
		p.Status = http.StatusServiceUnavailable
	}
	return p
}
