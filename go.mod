module github.com/xsignin/xsignin

go 1.25.0

require (
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/dghubble/gologin/v2 v2.5.0
	github.com/dghubble/oauth1 v0.7.3
	golang.org/x/oauth2 v0.36.0
)
