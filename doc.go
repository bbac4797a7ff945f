// Package xsignin gives any net/http application "Sign in with X" (Twitter), by OAuth
// 2.0 with PKCE and by OAuth 1.0a, and an authenticated client for the user who is
// signed in.
//
//	kit, err := xsignin.New(xsignin.Config{
//		PublicURL:    "https://example.com",
//		ClientID:     os.Getenv("X_CLIENT_ID"),
//		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
//		Secrets:         strings.Fields(os.Getenv("SECRETS")),
//	})
//	mux.Handle("/auth/", kit)
//	mux.Handle("/photos", kit.RequireUser(photos))
//
// A handler behind RequireUser asks [User] who it is and [Client] for an *http.Client
// that signs its requests to X's API, refreshes the token when it expires, and sends
// credentials nowhere else. What needs more permission than the sign-in asks for goes behind
// [Kit.RequireScopes]: the visitor is asked for it there, and may say no.
//
// # What goes wrong in deployments
//
// The callback registered at X must equal PublicURL + "/auth/callback" to the letter:
// scheme, host, port, path. Behind a proxy PublicURL is what visitors type; nothing is
// taken from a header. OAuth 1.0a has a consumer key and secret of its own, OAuth 2.0 a
// client id and secret; they are not interchangeable. [Kit.Check] finds these and says
// how to mend them.
//
// # The rooms
//
// This package does nothing that a program could not do with the packages below it:
// handlers (login, callback, logout), middleware (RequireUser), client (tokens in use),
// session (who is signed in), provider (how X vouches for somebody), tokenstore (tokens
// at rest), event (what happened), page (what visitors see). Package xtest is a local X for
// tests.
package xsignin
