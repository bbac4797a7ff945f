// Package xsignin gives any net/http application "Sign in with X" (Twitter), by OAuth 2.0 with
// PKCE and by OAuth 1.0a, and an authenticated client for the signed-in user.
//
//	secrets, err := xsignin.ParseSecrets(os.Getenv("SECRETS"))
//	...
//	kit, err := xsignin.New(xsignin.Config{
//		PublicURL:    "https://example.com",
//		ClientID:     os.Getenv("X_CLIENT_ID"),
//		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
//		Secrets:      secrets,
//	})
//	mux.Handle("/auth/", kit)
//	mux.Handle("/photos", kit.RequireUser(photos))
//
// In a handler behind RequireUser, [User] returns the user, and [Client] the user's
// *http.Client for X's API. [Kit.RequireScopes] is for pages that need more permissions than
// the sign-in requests.
//
// The callback registered at X must equal PublicURL + "/auth/callback" to the letter. Behind
// a proxy, PublicURL is the address that visitors type: the kit takes nothing from headers.
// [Kit.Check] finds mistakes of a deployment and says how to fix them.
//
// A program can do all of this with the packages below this one: handlers (login, callback,
// logout), middleware, client (tokens in use), session, provider, tokenstore, event and page.
// Package xtest is a local X for tests.
package xsignin
