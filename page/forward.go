package page

import (
	"html"
	"net/http"
	"strings"
)

// forward is a document that leads to the page at LINK without a script. Text browsers show
// the link.
const forward = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0;url=LINK">
<title>You are signed in</title>
</head>
<body>
<p><a href="LINK">Continue</a></p>
</body>
</html>
`

// Forward answers with a small document that leads to link at once. link must be a path
// that was checked and encoded.
func Forward(w http.ResponseWriter, link string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(strings.ReplaceAll(forward, "LINK", html.EscapeString(link))))
}
