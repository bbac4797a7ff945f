// Package xapi adds to the kit's *http.Client what programs need of X and what API clients
// do not have: one helper for JSON answers, typed errors, and uploads.
//
//	c := xsignin.Client(r.Context())
//	me, err := xapi.Decode[Me](c.Get("/2/users/me"))
//
// A path alone goes to the API of the token's provider, so GitHub and QQ work alike:
//
//	hook, err := xapi.Decode[Hook](c.Post("repos/o/r/hooks", "application/json", xapi.JSON(h)))
//	done, err := xapi.Decode[Done](c.PostForm("photo/add_pic", form))
//
// This is no client of the whole API. Use one that exists, such as gotwi or go-twitter, with
// the result of [Client]. Only [Upload] makes requests: API clients hold each segment in
// memory several times, and report no progress. The package requires no API client.
package xapi
