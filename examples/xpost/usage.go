package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

const usage = `xpost posts to X, and reads it, from the command line.

	go run ./examples/xpost demo               try it without credentials
	xpost [flags] COMMAND [flags] [arguments]  flags come before arguments
	xpost COMMAND -h                           help for one command

Signing in
  login                     by OAuth 2.0, through a redirect to this machine;
                            with -oauth1 by OAuth 1.0a, with a PIN to type in;
                            with tokens from outside, with those
  link                      print only the address of X's consent page, for a
                            browser on another machine
  code [CODE | ADDRESS]     end that sign-in, by X's code or PIN, or by the whole
                            address that the browser shows afterwards
  whoami                    the account that commands use, without a call to X
  accounts                  all signed-in accounts, without a call to X
  refresh                   get a new OAuth 2.0 token now
  revoke                    revoke one token at X, and delete it
  logout [-all]             revoke all tokens of the account, and delete them

Posting. TEXT is one argument, and - reads it from standard input. A FILE that is
named - is read from standard input too
  text [-reply ID] TEXT
  image [-text TEXT] [-alt TEXT]... [-reply ID] FILE...
                            one to four JPEG, PNG or WebP files of up to 5 MB
  gif [-text TEXT] [-alt TEXT] [-reply ID] FILE
                            up to 15 MB
  video [-text TEXT] [-reply ID] FILE
                            MP4, QuickTime or WebM, up to 512 MB
  poll [-for DURATION] [-reply ID] TEXT ANSWER ANSWER...
                            two to four answers; 5m to 168h, default 24h
  upload [-alt TEXT]... FILE...
                            upload files of any kind, and print their ids
  delete ID...              delete posts

Reading
  timeline [-user NAME] [-n COUNT] [-page TOKEN]
                            the home timeline, or the posts of a user: @name,
                            an id, or "me"
  followers [-user NAME] [-n COUNT] [-page TOKEN]

Anything else
  custom [-media FILE]... METHOD PATH [JSON]
                            any request to X's API, such as GET /2/users/me;
                            - reads the JSON from standard input. The ids of the
                            files are added to the JSON
  custom [-text TEXT] [-media FILE]... [-option ANSWER]... [-for DURATION]
                            a post with any parts
  demo [COMMAND ...]        a tour, or one command, with a local simulator of X

Flags for every command
  -account NAME             @name or id of the account. Default: the one that
                            signed in last
  -oauth1, -oauth2          the account's token by OAuth 1.0a, or by OAuth 2.0
  -auth FILE                JSON with any of redirect_uri, scope, client_id,
                            client_secret, access_token, refresh_token,
                            oauth_token, oauth_token_secret, oauth_consumer_key,
                            oauth_consumer_secret. They override the variables
  -json                     one JSON document on standard output, also for
                            errors
  -h                        this text

Variables
  X_CLIENT_ID               client id of OAuth 2.0. Register the callback
                            http://127.0.0.1:8722/callback at X
  X_CLIENT_SECRET           client secret of OAuth 2.0. Leave it out for a
                            Native App, which has none
  X_CALLBACK_PORT           another port for the callback. Default 8722. X
                            compares callbacks exactly, so register it
  X_CONSUMER_KEY            API key of OAuth 1.0a
  X_CONSUMER_SECRET         API key secret of OAuth 1.0a
  X_ACCESS_TOKEN            access token of OAuth 1.0a that X's console shows.
                            Commands then act for its account
  X_ACCESS_TOKEN_SECRET     its secret
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

The exit status is 0 for success, 1 for failure, 2 for a wrong command line or a
wrong variable, 3 without a connection to X, and 130 after Ctrl-C. Ctrl-C stops an
upload; nothing is posted then.
`

const (
	aboutLogin = `Signs in by OAuth 2.0, through a redirect to this machine, or with -oauth1 by
OAuth 1.0a, with a PIN to type in. If X_ACCESS_TOKEN or the file of -auth has
tokens, it imports them instead.`
	aboutLink = `Prints the address of X's consent page, and nothing else. Open it in a browser on
any machine. Then end the sign-in with xpost code, on this machine.`
	aboutCode = `Ends the sign-in that xpost link began: by the code, by the PIN of OAuth 1.0a, or
by the whole address that the browser shows at the end, whether or not it shows a
page. Without an argument it asks for one, so that none stays in the shell's
history. X's codes work for 30 seconds.`
	aboutRefresh = `Gets a new OAuth 2.0 token and a new refresh token now, and saves both. Other
commands refresh automatically.`
	aboutLogout = `Signs the account out here: deletes its tokens of both protocols, and revokes them
at X if possible.`
	aboutText  = `Posts a text. TEXT is one argument; - reads it from standard input.`
	aboutImage = `Posts one to four JPEG, PNG or WebP pictures of up to 5 MB each.`
	aboutGIF   = `Posts an animated GIF of up to 15 MB. X takes one in a post.`
	aboutVideo = `Posts an MP4, QuickTime or WebM video of up to 512 MB: sends it in parts, and waits
until X has processed it. X takes one in a post.`
	aboutPoll   = `Posts a poll with two to four answers of up to 25 characters.`
	aboutUpload = `Uploads pictures, GIFs and videos, and prints an id for each, one on a line. X keeps
them for a day until a post uses them.`
	aboutCustom = `Sends any request to X's API, such as GET /2/users/me. With -media it uploads the
files first, and adds their ids to the JSON of a POST.

Without METHOD and PATH it posts what the flags say: a text, files or a poll.`
)

// help is what SUB -h prints.
func (c command) help(flags *flag.FlagSet) string {
	var b strings.Builder
	synopsis := strings.TrimRight("xpost "+c.name+" [flags] "+c.args, " ")
	fmt.Fprintf(&b, "%s\n\n%s\n\nFlags\n", synopsis, c.about)
	flags.SetOutput(&b)
	flags.PrintDefaults()
	return b.String()
}

// helped is the result of a command line that asks for help.
func helped(text string) result {
	return result{map[string]string{"help": text}, func(w io.Writer) { _, _ = io.WriteString(w, text) }, true}
}

// usageError is a wrong command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// likely is the command that the user probably meant by name, or "".
func likely(name string) (found string) {
	least := 3
	for _, c := range append(commands(), command{name: "demo"}, command{name: "help"}) {
		d := distance(name, c.name)
		if len(name) >= 3 && strings.HasPrefix(c.name, name) {
			d = 1
		}
		if d < least && d < len(c.name)-1 {
			found, least = c.name, d
		}
	}
	return found
}

// distance counts the letters to insert, delete or replace between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
