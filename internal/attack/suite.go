package attack

import "testing"

// Suite attacks s. Each subtest leaves the site as it was.
func Suite(t *testing.T, s *Site) {
	for _, a := range []struct {
		name string
		run  func(*testing.T, *Site)
	}{
		{"a callback link signs nobody in as a stranger", callbackLink},
		{"a planted cookie signs nobody in as a stranger", plantedCookie},
		{"another tab's proof is of no use", secondTab},
		{"one protocol's callback does not serve the other", mixUp},
		{"a session id from before the sign-in is worth nothing", fixation},
		{"a callback works once", replay},
		{"parameters are swapped, cut, doubled and huge", parameters},
		{"a hundred hostile cookies do not stop a sign-in", hostileCookies},
		{"headers that name another host change nothing", forgedHost},
		{"nobody is led to another site", openRedirects},
		{"another site changes nothing", otherSites},
		{"nothing gets into the headers", headerInjection},
		{"nothing gets into the pages", htmlInjection},
		{"the kit's pages are guarded", guardedPages},
		{"tokens go to X alone", tokensStayAtX},
		{"a hostile X does no harm", hostileX},
		{"another account's name is another account", wrongUser},
		{"an address asks for no scope of its own", strangeScopes},
		{"garbage callbacks cost nothing", garbage},
	} {
		t.Run(a.name, func(t *testing.T) { a.run(t, s) })
	}
}
