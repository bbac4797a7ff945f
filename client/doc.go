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
// A request fails with [ErrReauthRequired] if the user has to sign in again, and with
// [ErrUnavailable] if trying again later helps. It fails with [ErrForeignHost] if its URL is not
// on the provider's API. Responses of the API are not errors, not even 401 and 429.
//
// X accepts each refresh token once. A [Manager] sends it once: by one call for each account
// in a process, and by a lease in the token store among processes. It stores the new token
// before any request uses it. Only while the store is unavailable, requests use a new token
// that is not stored, because X no longer accepts the old one. The log then has "a refreshed
// token could not be stored", and the Manager tries again every second. If the process ends
// before that, the user has to sign in again. [Manager.Close] tries once more, so call it at
// the end.
package client
