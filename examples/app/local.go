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

// simulatorSuffix and postsSuffix name the files that the simulator keeps beside the
// application's.
const (
	simulatorSuffix = ".x"
	postsSuffix     = ".x.posts"
)

// startSimulator starts a local X on a free port and returns cfg with its addresses
// and demo credentials in it, so that nothing else has to know. stop ends it.
func startSimulator(cfg config) (_ config, stop func() error, err error) {
	x := xtest.NewServer(xtest.Config{
		AppName:   "xsignin example",
		Callbacks: []string{cfg.publicURL + callbackPath},
		Users:     demo.Users(),
	})
	save, err := keepSimulator(x.X, cfg.place)
	if err != nil {
		x.Close()
		return cfg, nil, fmt.Errorf("the simulator: %w", err)
	}
	if cfg.place.Kind != storage.InSQLite {
		// Sessions know their beginning to the millisecond.
		cfg.simulatorSince = time.Now().Truncate(time.Millisecond)
	}
	cfg.simulator = x.URL
	cfg.apiURL, cfg.authorizeURL = x.URL, x.URL+"/i/oauth2/authorize"
	cfg.clientID, cfg.clientSecret = xtest.DefaultClientID, xtest.DefaultClientSecret
	cfg.consumerKey, cfg.consumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	return cfg, func() error { x.Close(); return save() }, nil
}

// keepSimulator fills x. With sessions and tokens in SQLite, x keeps its accounts and tokens in a
// file beside them. save writes the posts to another one.
func keepSimulator(x *xtest.X, place storage.Place) (save func() error, err error) {
	if place.Kind != storage.InSQLite {
		demo.Mount(x)
		return func() error { return nil }, nil
	}
	if err := x.KeepState(place.At + simulatorSuffix); err != nil {
		return nil, err
	}
	return demo.Keep(x, demo.Mount(x), place.At+postsSuffix)
}

// errForgotten says that the user signed in with a simulator that has ended and kept
// nothing, while the sessions and tokens of this application last.
var errForgotten = errors.New("the simulator has been started anew and does not know the user any more")

// forgotten reports whether u signed in with another simulator, which kept nothing.
func (c config) forgotten(u provider.User) bool {
	return c.simulator != "" && u.SignedInAt.Before(c.simulatorSince)
}
