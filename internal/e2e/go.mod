module github.com/xsignin/xsignin/internal/e2e

go 1.25.0

require (
	github.com/chromedp/cdproto v0.0.0-20250724212937-08a3db8b4327
	github.com/chromedp/chromedp v0.14.2
	github.com/xsignin/xsignin v0.0.0
)

require (
	github.com/alexedwards/scs/v2 v2.9.0 // indirect
	github.com/chromedp/sysutil v1.1.0 // indirect
	github.com/dghubble/gologin/v2 v2.5.0 // indirect
	github.com/dghubble/oauth1 v0.7.3 // indirect
	github.com/go-json-experiment/json v0.0.0-20250725192818-e39067aee2d2 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/pool v0.2.1 // indirect
	github.com/gobwas/ws v1.4.0 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sys v0.34.0 // indirect
)

replace github.com/xsignin/xsignin => ../..
