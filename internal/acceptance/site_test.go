package acceptance_test

import (
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
)

// site is a testkit.Site with the checks of these tests.
type site struct{ *testkit.Site }

func newSite(t *testing.T, edit ...func(*xsignin.Config)) *site {
	t.Helper()
	return &site{testkit.NewSite(t, edit...)}
}

// browser is a testkit.Browser with the checks of these tests.
type browser struct {
	*testkit.Browser
	s *site
}

func (s *site) browser() *browser { return &browser{s.Site.Browser(), s} }

type answer = testkit.Answer
