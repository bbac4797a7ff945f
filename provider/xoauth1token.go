package provider

import (
	"context"
	"net/http"
	"net/url"

	"github.com/xsignin/xsignin/tokenstore"
)

// finish exchanges the request token and the verifier for a token and an identity.
func (x *XOAuth1) finish(ctx context.Context, p Pending, verifier string) (User, tokenstore.Token, error) {
	t, a, err := x.accessToken(ctx, p, verifier)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	if x.profile || a.id == "" {
		full, err := x.svc.usersMe(ctx, t, false, x.RoundTrip, classifySigned)
		if err != nil {
			return User{}, tokenstore.Token{}, err
		}
		if a.id != "" && a.id != full.id {
			return User{}, tokenstore.Token{}, &Error{
				Kind: ErrUnavailable, Provider: x.svc.name, Op: "users/me",
				Detail: "users/me names another account than the token's answer",
			}
		}
		a = full
	}
	t.AccountID = a.id
	return x.svc.user(a), t, nil
}

// accessToken makes the call. The account has no id where the answer has none.
func (x *XOAuth1) accessToken(ctx context.Context, p Pending, verifier string) (tokenstore.Token, account, error) {
	t, c, err := x.exchange(ctx, p, verifier)
	if err != nil {
		return tokenstore.Token{}, account{}, err
	}
	// The library keeps the token alone.
	form, _ := url.ParseQuery(string(c.answer.body))
	a := account{id: form.Get("user_id"), username: clip(oneLine(form.Get("screen_name")), 50)}
	if a.id != "" && !accountID.MatchString(a.id) {
		return tokenstore.Token{}, account{}, c.unusable("the answer's user_id is not an id")
	}
	return t, a, nil
}

// Profile asks X for the account of t, by one users/me call, which X bills and limits.
// X's answer has no address with OAuth 1.0a. A token that X calls invalid (code 89) is
// [ErrTokenRefused]. Any other error 401 is [ErrUnavailable], as X has answered so to
// good tokens.
func (x *XOAuth1) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	a, err := x.svc.usersMe(ctx, t, false, x.RoundTrip, classifyStoredOAuth1)
	if err != nil {
		return User{}, err
	}
	return x.svc.user(a), nil
}

// VerifyToken implements [TokenVerifier], by one users/me call, which X bills and limits. Its signature
// carries the consumer key, and X takes a token with the key of its own application only.
//
// Any error 401 but one for the clock or the access level is [ErrTokenRefused]: the token
// and its secret come from a stranger, and X does not always say what it has against them.
func (x *XOAuth1) VerifyToken(ctx context.Context, t tokenstore.Token) (User, tokenstore.Token, error) {
	if t.AccessToken == "" || t.TokenSecret == "" {
		return User{}, tokenstore.Token{}, x.svc.misuse("users/me", ReasonOther, "the token is not an OAuth 1.0a token")
	}
	a, err := x.svc.usersMe(ctx, t, false, x.RoundTrip, classifyProof)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return x.svc.user(a), tokenstore.Token{
		AccessToken: t.AccessToken, TokenSecret: t.TokenSecret, AccountID: a.id, ObtainedAt: x.svc.now(),
	}, nil
}

// Revoke implements [Revoker]. X wants the call signed with the very token that is to
// die.
func (x *XOAuth1) Revoke(ctx context.Context, t tokenstore.Token) error {
	if t.AccessToken == "" || t.TokenSecret == "" {
		return x.svc.misuse("invalidate_token", ReasonOther, "the token is not an OAuth 1.0a token")
	}
	c := x.svc.call(ctx, "invalidate_token", t.AccessToken, t.TokenSecret)
	defer c.stop()
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, x.svc.endpoint("/1.1/oauth/invalidate_token.json"), nil)
	if err != nil {
		return c.unreached()
	}
	resp, err := x.RoundTrip(c, t, r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if c.err == nil && c.answer.ok() {
		if parseFault(c.answer.body).form == formHTML {
			return c.unusable("the answer is a page")
		}
		return nil
	}
	if c.err == nil && c.answer != nil && c.answer.status == http.StatusUnauthorized && parseFault(c.answer.body).has("89") {
		return nil // It is gone already.
	}
	return x.refusal(x.flow1, c)
}
