// Package xtest is a local X (Twitter) for tests and for trying an application out without keys or a network.
//
// An [X] is an [http.Handler] that behaves as X does where a sign-in touches it, and fails what X fails: it verifies every
// OAuth 1.0a signature, nonce and timestamp, compares callbacks exactly, insists on PKCE, lets a code live for 30 seconds,
// rotates refresh tokens, and answers with X's own statuses, content types and bodies. It is not stricter than X either:
// what clients in wide use send and X takes, it takes, unless [Switches].Strict is on. It imports nothing but the
// standard library and none of the packages that it is used to test, so that it cannot share their misreadings of X.
//
// An X serves sign-in, tokens and users/me. Package xapi adds posts, timelines, follows and media.
//
// Three ways to use it:
//
//   - [X.Transport] as the base transport of the code under test: requests for api.x.com and its kin are answered in
//     process, and everything else is refused, so that no test reaches the network.
//   - [NewServer], when the code under test needs an address: net/http on 127.0.0.1.
//   - [New] alone, mounted in any server, for a person with a browser: the consent pages work and say that they are not X.
//
// In a test, [X.Approve] and [X.Deny] answer the consent page for the user, [X.Advance] moves the clock, [X.Fail]
// makes requests fail, and [X.Requests] has what was asked. [Switches] choose behaviour on which the sources about X are
// silent or disagree.
//
// # Where it differs from X
//
//   - There are no passwords. Visitors of a consent page pick one of the accounts.
//   - Error pages add the reason, which X keeps to itself.
//   - The first attempt of the right client spends a code, also when that attempt fails. A wrong verifier does not spend
//     an OAuth 1.0a request token. The page of OAuth 2.0 asks every time. X's rules are not known.
//   - Wording that no source quotes, and which calls count against a limit, are guesses in X's style.
//   - The API knows accounts, posts, timelines, follows and media. There are no likes, reposts, lists, searches or streams.
//   - Links without a scheme are found for common top-level domains only. Videos are not looked into.
//   - Calls cost nothing: credits and caps are switches (RefuseNoCredits) and not an account.
//   - Everything is in memory, unless [X.KeepState] keeps accounts and tokens.
package xtest
