// Package xapi adds to a local X of package xtest what an application does after a sign-in: posts, timelines, follows
// and media of X's API 2.
package xapi

import (
	"net/http"
	"sync"

	"github.com/xsignin/xsignin/xtest"
)

// API is the part of X's API that has posts, follows and media. Make one with [Mount]. All methods may be called by
// several goroutines at once.
type API struct {
	x *xtest.X

	mu        sync.Mutex // guards everything below, and what it points to
	posts     map[string]*post
	media     map[string]*media            // by id
	following map[string]map[string]uint64 // by id of the follower and of the followed account: when, counted
	followers map[string]map[string]uint64 // the same the other way round
	follows   uint64                       // counts up, to order follows
}

// Mount adds the API to x and returns it. Call it once, before x serves requests.
func Mount(x *xtest.X) *API {
	a := &API{
		x:         x,
		posts:     map[string]*post{},
		media:     map[string]*media{},
		following: map[string]map[string]uint64{},
		followers: map[string]map[string]uint64{},
	}
	x.Extend(xtest.Extension{Endpoints: a.endpoints(), User: a.completeUser, Media: http.HandlerFunc(a.serveMedia)})
	return a
}

// call is an API call of this package's endpoints. a.mu is held.
type call struct{ *xtest.Call }
