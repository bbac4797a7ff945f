// Package client provides the *http.Client of one signed-in user. It loads the user's
// token, refreshes the token once for all requests, and sends requests with it.
//
//	manager, err := client.New(client.Config{Vault: vault, Providers: providers})
//	...
//	resp, err := manager.Client(ctx, user.Key()).Get("/2/users/me")
//
// Most programs do not import it: package xsignin makes the [Manager], and
// xsignin.Client(ctx) returns the client of the request's user.
//
// A request fails with [ErrReauthRequired] if only the user can help, with
// [ErrUnavailable] if trying again later helps, and with [ErrForeignHost] if it was not
// for the provider's API. Answers of the API, also 401 and 429, are no errors.
//
// X accepts each refresh token once. A [Manager] sends it once: by one call for each account
// in a process, and by a lease in the token store among processes. It saves the new token
// before any request uses it. Call [Manager.Close] before the process ends, so that no
// refresh is lost between X and the store.
package client
