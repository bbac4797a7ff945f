// Package xsignin gives any net/http application "Sign in with X" (Twitter), by OAuth
// 2.0 with PKCE and by OAuth 1.0a, and an authenticated client for the user who is
// signed in.
//
//	kit, err := xsignin.New(xsignin.Config{
//		PublicURL:    "https://example.com",
//		ClientID:     os.Getenv("X_CLIENT_ID"),
//		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
//		Secrets:      strings.Fields(os.Getenv("SECRETS")),
//	})
//	mux.Handle("/auth/", kit)
//	mux.Handle("/photos", kit.RequireUser(photos))
//
// A handler behind RequireUser asks [User] who it is and [Client] for an *http.Client
// that signs its requests to X's API, refreshes the token when it expires, and sends
// credentials to no other host. Put pages that need more scopes than the sign-in requests
// behind [Kit.RequireScopes]: visitors are asked for them there, and may decline.
//
// # What goes wrong in deployments
//
// The callback registered at X must equal PublicURL + "/auth/callback" in every character:
// scheme, host, port and path. Behind a proxy, PublicURL is the address that visitors type.
// The kit takes no address from a header. OAuth 1.0a has a consumer key and secret, and OAuth
// 2.0 has a client id and secret; they are not interchangeable. [Kit.Check] finds these
// mistakes and says how to correct them.
//
// # Packages
//
// This package does nothing that a program could not do with the packages below it:
// handlers (login, callback, logout), middleware (RequireUser), client (the user's HTTP
// client), session (the signed-in user), provider (sign-in with X and other providers),
// tokenstore (stored tokens), event (what happened) and page (what visitors see). Package
// xtest is a local X for tests.
package xsignin
