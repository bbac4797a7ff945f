// Package streams has only tests: event streams, websockets, large downloads and
// http.ResponseController behind the kit's middleware, in each framework.
package streams
