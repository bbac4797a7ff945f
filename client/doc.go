// Package client gives the *http.Client of one signed-in user: it loads the user's
// token, refreshes it once however many ask, and sends requests with it.
//
//	pool, err := client.New(client.Config{Vault: vault, Providers: providers})
//	...
//	resp, err := pool.Client(user.Key()).Get("https://api.x.com/2/users/me")
//
// Most programs do not import it: package xsignin makes the [Manager] and hands the
// client out by the request's context. Background jobs, which act for users who
// are away, use a Manager and [Manager.Client] by hand.
//
// # Errors
//
// A request fails with [ErrReauthRequired] when only the user can help, with
// [ErrUnavailable] when trying later helps, and with [ErrForeignHost] when it was
// not meant for the provider's API. Answers of the API, also 401 and 429, are
// answers and no errors; [RateLimit] reads the limits in them.
//
// # Refreshing
//
// X gives a new refresh token at each refresh and the old one is spent, so two
// refreshes of one token can lose the account's access. A Manager asks X for each
// token once, in its process by one call per user and among processes by a lease
// in the token store, and saves the new token before anybody uses it. A request
// whose visitor leaves does not stop the refresh that it began. Call [Manager.Close]
// before the process ends, so that no refresh is cut off between X and the store.
package client
