package e2e

import (
	"testing"
)

// browser is what a test of all engines needs from a browser.
type browser interface {
	show(site string)
	open(path string)
	click(text string)
	fill(id, text string)
	see(texts ...string)
	arrive(path string)
	at() string
	address() string
	text() string
	back()
	reload()
	expire()
	accessible(source string)
}

type engine struct {
	name  string
	start func(*testing.T, settings) browser
}

var (
	chromium = engine{"Chromium", func(t *testing.T, s settings) browser { return newChromium(t, s) }}
	firefox  = engine{"Firefox", func(t *testing.T, s settings) browser { return newFirefox(t, s) }}
	webKit   = engine{"WebKit", func(t *testing.T, s settings) browser { return newWebKit(t, s) }}

	engines = []engine{chromium, firefox, webKit}
)

// in runs a test in each engine.
func in(t *testing.T, engines []engine, s settings, test func(t *testing.T, b browser)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e.start(t, s))
		})
	}
}
