package main

import (
	"net/http"
	"slices"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
)

// held is a token as a page shows it.
type held struct {
	client.Account
	Label       string
	InUse       bool // the session's calls go out with it
	Refreshable bool
}

// held lists the tokens of the visitor.
func (a *app) held(r *http.Request) ([]held, error) {
	u := user(r)
	accounts, err := a.kit.Accounts(r.Context(), u.ID)
	if err != nil {
		return nil, err
	}
	var all []held
	for _, account := range accounts {
		h := held{Account: account, Label: account.Key.Provider, InUse: account.Key == u.Key()}
		for _, way := range a.ways {
			if way.Provider == account.Key.Provider {
				h.Label = way.Label
			}
		}
		h.Refreshable = !account.Token.Expiry.IsZero() && account.Token.HasScopes("offline.access")
		all = append(all, h)
	}
	return all, nil
}

func (a *app) tokens(w http.ResponseWriter, r *http.Request) {
	all, err := a.held(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	v := view{Title: "Tokens", Current: "/tokens", Tokens: all}
	for _, way := range a.ways {
		if !slices.ContainsFunc(all, func(h held) bool { return h.Key.Provider == way.Provider }) {
			v.Missing = append(v.Missing, way)
		}
	}
	a.page(w, r, http.StatusOK, "tokens", v)
}

func (a *app) refreshToken(w http.ResponseWriter, r *http.Request) {
	var err error
	if a.cfg.forgotten(user(r)) {
		err = errForgotten
	} else {
		err = a.kit.RefreshToken(r.Context(), formKey(r))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, a.link("/tokens?done=refreshed"), http.StatusSeeOther)
}

func (a *app) disconnectToken(w http.ResponseWriter, r *http.Request) {
	key := formKey(r)
	if err := a.kit.RevokeToken(r.Context(), key); err != nil {
		a.fail(w, r, err)
		return
	}
	next := "/tokens"
	if key == user(r).Key() {
		// Nothing behind RequireUser can be shown without this token, and to be sent
		// back to X at once would be a strange answer to a disconnect.
		next = "/"
	}
	http.Redirect(w, r, a.link(next+"?done=disconnected"), http.StatusSeeOther)
}

// formKey is the key of the visitor's token that a form names. A form cannot name the
// token of another user.
func formKey(r *http.Request) xsignin.Key {
	return xsignin.Key{Provider: r.PostFormValue("provider"), UserID: user(r).ID, AccountID: r.PostFormValue("account")}
}
