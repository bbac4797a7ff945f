package main

import (
	"errors"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// startSimulator starts a local X on a separate port. It returns cfg with the addresses and demo
// credentials, so that no other code has to know of it.
func startSimulator(cfg config) (config, func()) {
	x := xtest.NewServer(xtest.Config{
		AppName:   "xsignin example",
		Callbacks: []string{cfg.publicURL + callbackPath},
	})
	// Sessions store the time of the sign-in in milliseconds.
	cfg.simulator, cfg.simulatorSince = x.URL, time.Now().Truncate(time.Millisecond)
	cfg.apiURL, cfg.authorizeURL = x.URL, x.URL+"/i/oauth2/authorize"
	cfg.clientID, cfg.clientSecret = xtest.DefaultClientID, xtest.DefaultClientSecret
	cfg.consumerKey, cfg.consumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	return cfg, x.Close
}

// errForgotten means that the user signed in with a simulator that has ended. The simulator
// keeps no data, but the application's sessions and tokens persist.
var errForgotten = errors.New("the simulator has been started anew and does not know the user any more")

// forgotten reports whether the simulator has been replaced since u's sign-in.
func (c config) forgotten(u provider.User) bool {
	return c.simulator != "" && u.SignedInAt.Before(c.simulatorSince)
}
