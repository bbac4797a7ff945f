package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// link begins a sign-in for a browser on another machine. The file stores the pending sign-in,
// sealed.
func link(ctx context.Context, c *call) (result, error) {
	p, err := c.provider()
	if err != nil {
		return result{}, err
	}
	address, pending, err := p.Begin(ctx, provider.Options{})
	if err != nil {
		return result{}, err
	}
	_, err = c.vault.Put(ctx, pendingKey(p.Name()), tokenstore.Token{
		AccessToken: pending.State, TokenSecret: pending.Secret, Scopes: pending.Scopes, ObtainedAt: time.Now(),
	})
	if err != nil {
		return result{}, err
	}
	next := "After the consent run xpost code, and paste the whole address that the browser shows, within 30 seconds. It may show no page."
	if p.Name() == oauth1Name {
		next = "After the consent run xpost -oauth1 code, and type in the PIN that X shows."
	}
	fmt.Fprintln(c.stderr, next)
	document := map[string]string{"url": address, "protocol": protocol(p.Name())}
	return result{document: document, write: func(w io.Writer) { fmt.Fprintln(w, address) }}, nil
}

// provider is the provider of the flags, or the first that is configured.
func (c *call) provider() (provider.Provider, error) {
	switch {
	case c.opt.oauth1 && c.oauth1 == nil:
		return nil, &configError{[]error{errors.New("X_CONSUMER_KEY is missing, and -oauth1 needs it")}}
	case c.opt.oauth2 && c.oauth2 == nil:
		return nil, &configError{[]error{errors.New("X_CLIENT_ID is missing, and -oauth2 needs it")}}
	case c.oauth2 == nil || c.opt.oauth1:
		return c.oauth1, nil
	}
	return c.oauth2, nil
}

// pendingKey is the key of a provider's pending sign-in. Only the newest counts.
func pendingKey(name string) tokenstore.Key {
	return tokenstore.Key{Provider: "pending", UserID: name, AccountID: name}
}

var errNoCode = errors.New("no code was typed in: run xpost code again")

var errNoPending = errors.New("no sign-in was begun in the last ten minutes: run xpost link first")

// pending finds the newest sign-in that link has begun.
func (c *call) pending(ctx context.Context) (p provider.Pending, version tokenstore.Version, err error) {
	var begun time.Time
	for _, name := range []string{oauth2Name, oauth1Name} {
		if c.opt.oauth1 && name == oauth2Name || c.opt.oauth2 && name == oauth1Name {
			continue
		}
		t, v, err := c.vault.Get(ctx, pendingKey(name))
		if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
			return p, version, err
		}
		if err == nil && t.ObtainedAt.After(begun) && time.Since(t.ObtainedAt) < signInTimeout {
			begun, version = t.ObtainedAt, v
			p = provider.Pending{Provider: name, State: t.AccessToken, Secret: t.TokenSecret, Scopes: t.Scopes}
		}
	}
	if begun.IsZero() {
		err = errNoPending
	}
	return p, version, err
}

// code finishes the sign-in that link began.
func code(ctx context.Context, c *call) (result, error) {
	pending, version, err := c.pending(ctx)
	if err != nil {
		return result{}, err
	}
	// A token that X has issued must be saved, even after Ctrl-C.
	saving := context.WithoutCancel(ctx)
	finish := func(pasted string) (provider.User, tokenstore.Token, error) {
		return c.finish(saving, pending, strings.TrimSpace(pasted))
	}
	var u provider.User
	var t tokenstore.Token
	if len(c.args) == 0 || c.args[0] == "-" {
		u, t, err = c.ask(ctx, "Code or address: ", errNoCode, finish)
	} else {
		u, t, err = finish(c.args[0])
	}
	if err != nil {
		return result{}, err
	}
	if err := errors.Join(c.save(saving, u, t), c.vault.Delete(saving, pendingKey(pending.Provider), version)); err != nil {
		return result{}, err
	}
	return c.signedIn(saving, u)
}

// finish accepts a code, a PIN, or an address that contains either.
func (c *call) finish(ctx context.Context, p provider.Pending, pasted string) (provider.User, tokenstore.Token, error) {
	query := callbackQuery(pasted)
	switch {
	case p.Provider == oauth1Name && c.oauth1 == nil, p.Provider == oauth2Name && c.oauth2 == nil:
		return provider.User{}, tokenstore.Token{}, errNoPending
	case p.Provider == oauth1Name && query == nil:
		query = url.Values{"oauth_token": {p.State}, "oauth_verifier": {pasted}}
		return c.oauth1.Finish(ctx, p, query)
	case p.Provider == oauth1Name:
		return c.oauth1.Finish(ctx, p, query)
	case query == nil:
		query = url.Values{"state": {p.State}, "code": {pasted}}
	}
	return c.oauth2.Finish(ctx, p, query)
}

// callbackQuery is the query of an address, or of the part after the question mark. It is nil
// for other texts.
func callbackQuery(pasted string) url.Values {
	_, query, found := strings.Cut(pasted, "?")
	if !found {
		query = pasted
	}
	query, _, _ = strings.Cut(query, "#")
	if !found && !strings.Contains(query, "=") {
		return nil
	}
	values, _ := url.ParseQuery(query) // Parameters that cannot be parsed are missing, X's code among them.
	return values
}
