module github.com/xsignin/xsignin/internal/docs

go 1.25.0

require (
	github.com/alexedwards/scs/sqlite3store v0.0.0-20251002162104-209de6e426de
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/dghubble/go-twitter v0.0.0-20221104224141-912508c3888b
	github.com/dghubble/gologin/v2 v2.5.0
	github.com/dghubble/oauth1 v0.7.3
	github.com/gorilla/sessions v1.4.0
	github.com/markbates/goth v1.82.0
	github.com/mrjones/oauth v0.0.0-20180629183705-f4e24b6d100c
	github.com/xsignin/xsignin v0.0.0
	github.com/xsignin/xsignin/tokenstore/sqlstore v0.0.0
	modernc.org/sqlite v1.58.0
)

require (
	github.com/cenkalti/backoff/v4 v4.1.3 // indirect
	github.com/dghubble/sling v1.4.1 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-chi/chi/v5 v5.2.2 // indirect
	github.com/google/go-querystring v1.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/context v1.1.1 // indirect
	github.com/gorilla/mux v1.6.2 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	modernc.org/libc v1.75.6 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace (
	github.com/xsignin/xsignin => ../..
	github.com/xsignin/xsignin/tokenstore/sqlstore => ../../tokenstore/sqlstore
)
