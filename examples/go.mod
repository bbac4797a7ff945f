module github.com/xsignin/xsignin/examples

go 1.25.0

require (
	github.com/g8rswimmer/go-twitter/v2 v2.1.5
	github.com/michimani/gotwi v0.18.1
	github.com/xsignin/xsignin v0.0.0
	golang.org/x/net v0.50.0
)

require (
	github.com/alexedwards/scs/v2 v2.9.0 // indirect
	github.com/dghubble/gologin/v2 v2.5.0 // indirect
	github.com/dghubble/oauth1 v0.7.3 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
)

replace github.com/xsignin/xsignin => ../
