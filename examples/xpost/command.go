package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// command is a command, which the first argument names.
type command struct {
	name string
	// args and about are for its help.
	args, about string
	// flags adds the flags of this command.
	flags func(*flag.FlagSet, *options)
	// least and most limit the number of arguments. takes describes the arguments.
	least, most int
	takes       string
	posts       bool
	run         func(context.Context, *call) (result, error)
}

// many is a practically unlimited number of arguments.
const many = 100

func commands() []command {
	return []command{
		{name: "login", run: login, about: aboutLogin},
		{name: "link", run: link, about: aboutLink},
		{name: "code", run: code, args: "[CODE | ADDRESS]", about: aboutCode, most: 1, takes: "one code or address, in quotes"},
		{name: "whoami", run: whoami, about: "Prints the account that commands use. Makes no call to X."},
		{name: "accounts", run: listAccounts, about: "Lists all accounts that are signed in here. Makes no call to X."},
		{name: "refresh", run: refresh, about: aboutRefresh},
		{name: "revoke", run: revoke, about: "Revokes one token at X, and deletes it. See also xpost logout -h."},
		{name: "logout", run: logout, flags: logoutFlags, about: aboutLogout},
		{name: "text", run: postText, flags: replyFlag, args: "TEXT", about: aboutText,
			least: 1, most: 1, takes: "one TEXT, in quotes; flags come before it", posts: true},
		{name: "image", run: postImages, flags: mediaFlags, args: "FILE...", about: aboutImage,
			least: 1, most: 4, takes: "one to four files; flags come before them", posts: true},
		{name: "gif", run: postGIF, flags: mediaFlags, args: "FILE", about: aboutGIF,
			least: 1, most: many, takes: "one file; flags come before it", posts: true},
		{name: "video", run: postVideo, flags: mediaFlags, args: "FILE", about: aboutVideo,
			least: 1, most: many, takes: "one file; flags come before it", posts: true},
		{name: "poll", run: postPoll, flags: pollFlags, args: "TEXT ANSWER ANSWER...", about: aboutPoll,
			least: 3, most: 5, takes: "a TEXT and two to four answers, each in quotes; flags come before them", posts: true},
		{name: "upload", run: uploadFiles, flags: altFlag, args: "FILE...", about: aboutUpload,
			least: 1, most: many, takes: "files; flags come before them"},
		{name: "delete", run: deletePosts, args: "ID...", about: "Deletes posts of the account.",
			least: 1, most: many, takes: "ids of posts"},
		{name: "timeline", run: timeline, flags: readFlags, about: "Prints the home timeline, or the posts of a user."},
		{name: "followers", run: followers, flags: readFlags, about: "Prints the followers of the account, or of a user."},
		{name: "custom", run: custom, flags: customFlags, args: "[METHOD PATH [JSON]]", about: aboutCustom,
			most: 3, takes: "a METHOD, a PATH and perhaps JSON, or only flags"},
	}
}

// options are the flags of all commands.
type options struct {
	json, oauth1, oauth2 bool
	account, auth        string
	reply, text          string
	alt, media, answers  list
	open                 time.Duration
	user, nextPage       string
	count                int
	all                  bool
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return "" }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func commonFlags(f *flag.FlagSet, o *options) {
	f.BoolVar(&o.json, "json", o.json, "one JSON document on standard output, also for errors")
	f.BoolVar(&o.oauth1, "oauth1", o.oauth1, "use OAuth 1.0a")
	f.BoolVar(&o.oauth2, "oauth2", o.oauth2, "use OAuth 2.0")
	f.StringVar(&o.account, "account", o.account, "`name` or id of the account. Default: the one that signed in last")
	f.StringVar(&o.auth, "auth", o.auth, "JSON `file` with credentials and tokens, see xpost -h")
}

func replyFlag(f *flag.FlagSet, o *options) {
	f.StringVar(&o.reply, "reply", "", "`id` of the post to reply to")
}

func altFlag(f *flag.FlagSet, o *options) {
	f.Var(&o.alt, "alt", "`description` of a file, for people who cannot see it; once for each file")
}

func mediaFlags(f *flag.FlagSet, o *options) {
	replyFlag(f, o)
	altFlag(f, o)
	f.StringVar(&o.text, "text", "", "`text` of the post; - reads it from standard input")
}

func openFlag(f *flag.FlagSet, o *options) {
	f.DurationVar(&o.open, "for", 24*time.Hour, "how long a poll is open, from 5m to 168h")
}

func pollFlags(f *flag.FlagSet, o *options) {
	replyFlag(f, o)
	openFlag(f, o)
}

func customFlags(f *flag.FlagSet, o *options) {
	mediaFlags(f, o)
	openFlag(f, o)
	f.Var(&o.media, "media", "`file` to upload and attach; several times for several files")
	f.Var(&o.answers, "option", "`answer` of a poll; two to four times")
}

func readFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.user, "user", "", "@name or id of another `user`, or me")
	f.StringVar(&o.nextPage, "page", "", "the `token` that the page before ended with")
	// The number is small, because X charges for each post and user that it returns.
	f.IntVar(&o.count, "n", 20, "how many")
}

func logoutFlags(f *flag.FlagSet, o *options) { f.BoolVar(&o.all, "all", false, "all accounts") }

// call is a parsed command line, and its environment.
type call struct {
	world
	command command
	opt     options
	args    []string
	cfg     config
	input   *bufio.Reader // a reader of standard input
	adopted []tokenstore.Key
	*kitClients
}

// run executes args and returns the exit status.
func run(ctx context.Context, w world, args []string) int {
	var opt options
	r, err := dispatch(ctx, w, args, &opt)
	var wrong *usageError
	if errors.As(err, &wrong) || r.help {
		// An error, or -h, before -json ended the parsing of flags.
		opt.json = opt.json || slices.Contains(args, "-json") || slices.Contains(args, "--json")
	}
	status := show(w, opt, r, err)
	if err != nil && ctx.Err() != nil {
		return statusStopped
	}
	return status
}

func dispatch(ctx context.Context, w world, args []string, opt *options) (result, error) {
	flags, err := parse("xpost", args, func(f *flag.FlagSet) { commonFlags(f, opt) })
	switch {
	case flags.Arg(0) == "help" && flags.NArg() > 1:
		return dispatch(ctx, w, []string{flags.Arg(1), "-h"}, opt)
	case errors.Is(err, flag.ErrHelp), flags.Arg(0) == "help":
		return helped(usage), nil
	}
	if err != nil {
		return result{}, err
	}
	if flags.NArg() == 0 {
		return result{}, usagef("which command? xpost -h lists them, xpost demo shows them")
	}
	name, args := flags.Arg(0), flags.Args()[1:]
	if name == "demo" {
		return demo(ctx, w, args, opt)
	}
	for _, c := range commands() {
		if c.name == name {
			return c.do(ctx, w, args, opt)
		}
	}
	if likely := likely(name); likely != "" {
		return result{}, usagef("there is no command %q; did you mean %s? xpost -h lists the commands", name, likely)
	}
	return result{}, usagef("there is no command %q; xpost -h lists the commands", name)
}

func (c command) do(ctx context.Context, w world, args []string, opt *options) (result, error) {
	flags, err := parse("xpost "+c.name, args, func(f *flag.FlagSet) {
		commonFlags(f, opt)
		if c.flags != nil {
			c.flags(f, opt)
		}
	})
	switch args = flags.Args(); {
	case errors.Is(err, flag.ErrHelp):
		return helped(c.help(flags)), nil
	case err != nil:
		return result{}, err
	case opt.oauth1 && opt.oauth2:
		return result{}, usagef("-oauth1 and -oauth2 are two different tokens: give one of the flags")
	case len(args) > 0 && c.most == 0:
		return result{}, usagef("%s takes no arguments, but got %d", c.name, len(args))
	case len(args) < c.least, len(args) > c.most:
		return result{}, usagef("%s takes %s, but got %d arguments", c.name, c.takes, len(args))
	}
	cfg, err := readConfig(w.env, opt.auth)
	if err != nil {
		return result{}, err
	}
	k, err := openClients(ctx, w, cfg)
	if err != nil {
		return result{}, err
	}
	r, err := c.run(ctx, &call{
		world: w, command: c, opt: *opt, args: args, cfg: cfg, input: bufio.NewReader(w.stdin), kitClients: k,
	})
	if c.posts && errors.Is(err, context.Canceled) && !errors.Is(err, errUnsure) {
		err = errors.Join(errNotPosted, err)
	}
	return r, errors.Join(err, k.close(ctx))
}

// parse reads the flags in front of args. The flag set has what follows them.
func parse(name string, args []string, add func(*flag.FlagSet)) (*flag.FlagSet, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	add(f)
	err := f.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		err = usagef("%s: %v; %s -h lists the flags", name, err, name)
	}
	return f, err
}

// readArg returns an argument, or all of standard input for "-".
func (c *call) readArg(ctx context.Context, arg string, most int64) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	b, err := waitFor(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(c.input, most+1)) })
	switch {
	case err != nil && ctx.Err() != nil:
		return "", err
	case err != nil:
		return "", fmt.Errorf("standard input cannot be read: %w", err)
	case int64(len(b)) > most:
		return "", usagef("standard input is longer than %d bytes", most)
	}
	return string(b), nil
}

// waitFor returns the result of f, or ctx's error. When ctx ends, f continues, and ends with the
// process.
func waitFor[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := f()
		done <- outcome{v, err}
	}()
	select {
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	case o := <-done:
		return o.v, o.err
	}
}
