package main

import "fmt"

const usage = `xpost posts to X, and reads it, from the command line.

	go run ./examples/xpost demo               try it without credentials
	xpost [flags] COMMAND [flags] [arguments]  flags come before arguments

Signing in
  login                     by OAuth 2.0, through a redirect to this machine;
                            with -oauth1 by OAuth 1.0a, with a PIN to type in
  whoami                    the account that commands use. X is not asked
  accounts                  all accounts that are signed in. X is not asked
  refresh                   get a new OAuth 2.0 token now
  revoke                    take the token back at X, and forget the account

Posting. TEXT is one argument, and - reads it from standard input
  text [-reply ID] TEXT
  image [-text TEXT] [-alt TEXT]... [-reply ID] FILE...
                            one to four JPEG, PNG or WebP files of up to 5 MB
  gif [-text TEXT] [-alt TEXT] [-reply ID] FILE
                            up to 15 MB
  video [-text TEXT] [-reply ID] FILE
                            MP4, QuickTime or WebM, up to 512 MB
  poll [-for DURATION] [-reply ID] TEXT ANSWER ANSWER...
                            two to four answers; 5m to 168h, default 24h

Reading
  timeline [-user NAME] [-n COUNT] [-page TOKEN]
                            the home timeline, or the posts of a user: @name,
                            an id, or "me"
  followers [-user NAME] [-n COUNT] [-page TOKEN]

Anything else
  custom METHOD PATH [JSON] any request to X's API, such as GET /2/users/me;
                            - reads the JSON from standard input
  demo [COMMAND ...]        a tour, or one command, with a local simulator of X

Flags for every command
  -account NAME             @name or id of the account. Default: the one that
                            signed in last
  -oauth1                   by OAuth 1.0a, where both are configured
  -json                     one JSON document on standard output, also for
                            errors
  -h                        this text

Variables
  X_CLIENT_ID               client id of OAuth 2.0. Register the callback
                            http://127.0.0.1:8722/callback at X
  X_CLIENT_SECRET           client secret of OAuth 2.0. Leave it out for a
                            Native App, which has none
  X_CALLBACK_PORT           another port for the callback. Default 8722. X
                            compares callbacks to the letter, so it is registered
  X_CONSUMER_KEY            API key of OAuth 1.0a
  X_CONSUMER_SECRET         API key secret of OAuth 1.0a
  X_SCOPES                  scopes to ask for by OAuth 2.0, separated by spaces.
                            Default "tweet.read users.read tweet.write
                            media.write follows.read offline.access"
  X_API_URL                 X's API. http only on a loopback address. Default
                            https://api.x.com
  X_AUTHORIZE_URL           consent page of OAuth 2.0. http only on a loopback
                            address. Default https://x.com/i/oauth2/authorize
  XPOST_DB                  SQLite file with the tokens. They are sealed with the
                            key in a file beside it, named FILE.keys. Default
                            xpost/tokens.db in the user's configuration directory

The exit status is 0 when it worked, 1 when not, and 2 for a wrong command line or
a wrong variable. Ctrl-C stops an upload; nothing is posted then.
`

// usageError is a wrong command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
