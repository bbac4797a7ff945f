package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// simulatorSuffix names the file that the simulator keeps beside the application's.
const simulatorSuffix = ".x"

// startSimulator starts a local X on a free port and returns cfg with its addresses
// and demo credentials in it, so that nothing else has to know. With sessions and tokens in
// SQLite, the simulator keeps its accounts and tokens in a file beside them.
func startSimulator(cfg config) (config, func(), error) {
	x := xtest.NewServer(xtest.Config{
		AppName:   "xsignin example",
		Callbacks: []string{cfg.publicURL + callbackPath},
		Users:     demo.Users(),
	})
	if cfg.place.Kind == storage.InSQLite {
		if err := x.KeepState(cfg.place.At + simulatorSuffix); err != nil {
			x.Close()
			return cfg, nil, fmt.Errorf("the simulator: %w", err)
		}
	} else {
		// Sessions know their beginning to the millisecond.
		cfg.simulatorSince = time.Now().Truncate(time.Millisecond)
	}
	demo.Mount(x.X)
	cfg.simulator = x.URL
	cfg.apiURL, cfg.authorizeURL = x.URL, x.URL+"/i/oauth2/authorize"
	cfg.clientID, cfg.clientSecret = xtest.DefaultClientID, xtest.DefaultClientSecret
	cfg.consumerKey, cfg.consumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	return cfg, x.Close, nil
}

// errForgotten says that the user signed in with a simulator that has ended and kept
// nothing, while the sessions and tokens of this application last.
var errForgotten = errors.New("the simulator has been started anew and does not know the user any more")

// forgotten reports whether u signed in with another simulator, which kept nothing.
func (c config) forgotten(u provider.User) bool {
	return c.simulator != "" && u.SignedInAt.Before(c.simulatorSince)
}
