package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// NativeClients selects what [Handlers.Native] accepts. The zero value accepts nothing.
type NativeClients struct {
	// RedirectURIs are the redirect URIs of the application's programs, exactly as registered
	// at X, such as com.example.app:/callback or http://127.0.0.1:8765/callback.
	RedirectURIs []string
	// TokenPairs also accepts OAuth 1.0a access tokens with their secrets. The holder of such
	// a pair can sign in as its user until the pair is revoked: by the user at X, by a
	// sign-out, or by a sign-in that fails after X accepted it.
	TokenPairs bool
}

// validateNative passes the errors of c.Native to refuse.
func (c Config) validateNative(refuse func(broken bool, field, format string, args ...any)) {
	for i, raw := range c.Native.RedirectURIs {
		field, callback := fmt.Sprintf("Native.RedirectURIs[%d]", i), c.Path+"/callback"
		u, err := url.Parse(raw)
		if err != nil || u.Scheme == "" || strings.Contains(raw, "#") || u.Host+u.Path+u.Opaque == "" {
			refuse(true, field, "must be an absolute URI without a fragment, such as com.example.app:/callback")
			continue
		}
		refuse(xplatform.RefusesScheme(u.Scheme), field,
			"has the scheme %q, which X refuses: use https, a loopback address or the program's own scheme", u.Scheme)
		// Only the browser that began a sign-in may use the codes of the site's callback.
		refuse(strings.EqualFold(u.Scheme+"://"+u.Host, c.Origin) && strings.HasPrefix(u.Path+"/", callback+"/"), field,
			"is the site's own callback: register another one for the program")
	}
	refuse(c.Sessions == nil && (len(c.Native.RedirectURIs) > 0 || c.Native.TokenPairs), "Native",
		"is set, and there are no sessions for the programs that sign in")
	var codes, pairs bool
	for _, p := range c.Providers {
		_, exchanges := p.(provider.CodeExchanger)
		_, verifies := p.(provider.TokenVerifier)
		codes, pairs = codes || exchanges, pairs || verifies
	}
	refuse(len(c.Native.RedirectURIs) > 0 && !codes, "Native.RedirectURIs",
		"is set, and no provider is a provider.CodeExchanger: pass provider.NewX")
	refuse(c.Native.TokenPairs && !pairs, "Native.TokenPairs",
		"is set, and no provider is a provider.TokenVerifier: pass provider.NewXOAuth1")
}

// Native signs in the user of a native program of the application (RFC 8252), on a phone, a
// desktop or a command line. The program opens X's consent page itself. docs/native.md
// describes requests and answers. Pages cannot use Native: such a page could sign visitors in
// to another account.
//
// Each well-formed request costs calls to X, which X bills and limits. Limit how often a
// client may call Native.
func (h *Handlers) Native() http.Handler {
	return h.handler(func(c *call) {
		user, err := c.native()
		switch {
		case err != nil:
			if p, err := c.report(c.named(err), nativeProblem); err != nil {
				h.cfg.Pages.Write(c.w, c.r, p)
			}
		case !c.ended():
			user.SignedInAt = user.SignedInAt.UTC().Truncate(time.Millisecond) // as the session keeps it
			c.sessionIs(user, true)
		}
	})
}

func (c *call) native() (provider.User, error) {
	var none provider.User
	g, err := readGrant(c.w, c.r)
	if err != nil {
		return none, err
	}
	p, ok := c.h.byName[g["provider"]]
	if !ok {
		return none, page.Kind("unknown_provider")
	}
	c.provider = p.Name()
	accepted, pair := c.h.cfg.Native, g["oauth_token"] != ""
	exchanger, takesCodes := p.(provider.CodeExchanger)
	verifier, takesPairs := p.(provider.TokenVerifier)
	switch {
	case pair && !(takesPairs && accepted.TokenPairs), !pair && !(takesCodes && len(accepted.RedirectURIs) > 0):
		return none, page.Kind("unsupported")
	case !pair && !slices.Contains(accepted.RedirectURIs, g["redirect_uri"]):
		return none, page.Kind("unknown_redirect_uri")
	}
	// The first request to X uses up the code, so the sign-in continues if the program disconnects.
	ctx, cancel := c.h.detached(c.r.Context())
	defer cancel()
	var s SignIn
	if pair {
		t := tokenstore.Token{AccessToken: g["oauth_token"], TokenSecret: g["oauth_token_secret"]}
		s.User, s.Token, err = verifier.VerifyToken(ctx, t)
	} else {
		s.User, s.Token, err = exchanger.ExchangeCode(ctx, g["code"], g["code_verifier"], g["redirect_uri"])
	}
	if err != nil {
		return none, err
	}
	return c.admit(ctx, p, s)
}

// readGrant reads r's body: a code with its verifier, or a token pair. It refuses requests of
// pages: current browsers send Origin or Sec-Fetch-Site with a POST.
func readGrant(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, page.Kind("method_not_allowed")
	}
	_, origin := r.Header["Origin"]
	if origin || slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool { return site != "none" }) {
		return nil, page.Kind("not_native")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, page.Kind("not_json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10)) // X's values have about 100 bytes
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, page.Kind("too_large")
	}
	var g map[string]string
	if err != nil || json.Unmarshal(body, &g) != nil {
		return nil, page.Kind("not_an_object")
	}
	// Unmarshal accepts repeated names. Each field has two tokens, and the object two more.
	extra := -2 - 2*len(g)
	for dec := json.NewDecoder(bytes.NewReader(body)); ; extra++ {
		if _, err := dec.Token(); err != nil {
			break
		}
	}
	if extra != 0 {
		return nil, page.Kind("bad_fields")
	}
	return g, checkGrant(g)
}

var (
	codeFields = []string{"code", "code_verifier", "provider", "redirect_uri"}
	pairFields = []string{"oauth_token", "oauth_token_secret", "provider"}
	// verifierShape is RFC 7636, 4.1, without its maximum: X and its own SDK ignore it.
	verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,}$`)
	valueShape    = regexp.MustCompile(`^[!-~]+$`)
)

// checkGrant returns an error if a field is missing, unknown or invalid.
func checkGrant(g map[string]string) error {
	names := slices.Sorted(maps.Keys(g))
	if !slices.Equal(names, codeFields) && !slices.Equal(names, pairFields) {
		return page.Kind("bad_fields")
	}
	for name, value := range g {
		switch {
		case name == "code_verifier" && !verifierShape.MatchString(value):
			return page.Kind("bad_verifier")
		case len(value) > 4<<10, name != "provider" && !valueShape.MatchString(value):
			return page.Kind("bad_value")
		}
	}
	return nil
}

// nativeProblem is [page.ProblemFor] for a program.
func nativeProblem(err error) page.Problem {
	p := page.ProblemFor(err)
	switch {
	case errors.Is(err, provider.ErrTokenRefused):
		return page.ProblemFor(fmt.Errorf("%w: %w", page.Kind("token_refused"), err))
	case p.Kind == "rate_limited":
		p.Status = http.StatusTooManyRequests
	case p.Kind == "unavailable":
		p.Status = http.StatusServiceUnavailable
	}
	return p
}
