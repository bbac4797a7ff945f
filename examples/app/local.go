package main

import (
	"github.com/xsignin/xsignin/xtest"
)

// startSimulator starts a local X on a port of its own and returns cfg with its addresses
// and demo credentials in it, so that nothing else has to know.
func startSimulator(cfg config) (config, func()) {
	x := xtest.NewServer(xtest.Config{
		AppName:   "xsignin example",
		Callbacks: []string{cfg.publicURL + callbackPath},
	})
	cfg.simulator = x.URL
	cfg.apiURL, cfg.authorizeURL = x.URL, x.URL+"/i/oauth2/authorize"
	cfg.clientID, cfg.clientSecret = xtest.DefaultClientID, xtest.DefaultClientSecret
	cfg.consumerKey, cfg.consumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	return cfg, x.Close
}
