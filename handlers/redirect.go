package handlers

import (
	"net/http"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
)

// RedirectAfterSignIn sends the visitor of a callback to a path on this site, such as that of
// [ReturnPath]. Success handlers use it in place of [http.Redirect]. It replaces an unsafe
// path by "/".
//
// A browser that loads a page gets a small document that leads to the path at once, without a
// script. All other clients get status 303. The document ends the chain of redirects that
// began at X. At the end of such a chain, Chromium keeps a page in its back/forward cache
// despite no-store, and shows the page after the sign-out when the visitor goes back.
// Browsers also do not send SameSite=Strict cookies along such a chain.
func RedirectAfterSignIn(w http.ResponseWriter, r *http.Request, path string) {
	private(w)
	path = encodeLocation(localPath(path, "", "/"))
	if requestkind.ShowsPages(r) {
		page.Forward(w, path)
		return
	}
	seeOther(w, path)
}
