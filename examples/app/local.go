package main

import (
	"errors"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// startSimulator starts a local X on a port of its own and returns cfg with its addresses
// and demo credentials in it, so that nothing else has to know.
func startSimulator(cfg config) (config, func()) {
	x := xtest.NewServer(xtest.Config{
		AppName:   "xsignin example",
		Callbacks: []string{cfg.publicURL + callbackPath},
	})
	xapi.Mount(x.X).AddDemo()
	// Sessions know their beginning to the millisecond.
	cfg.simulator, cfg.simulatorSince = x.URL, time.Now().Truncate(time.Millisecond)
	cfg.apiURL, cfg.authorizeURL = x.URL, x.URL+"/i/oauth2/authorize"
	cfg.clientID, cfg.clientSecret = xtest.DefaultClientID, xtest.DefaultClientSecret
	cfg.consumerKey, cfg.consumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	return cfg, x.Close
}

// errForgotten says that the user signed in with a simulator that has ended: it keeps
// nothing, while the sessions and tokens of this application last.
var errForgotten = errors.New("the simulator has been started anew and does not know the user any more")

// forgotten reports whether the simulator of now is another than the one at u's sign-in.
func (c config) forgotten(u provider.User) bool {
	return c.simulator != "" && u.SignedInAt.Before(c.simulatorSince)
}
