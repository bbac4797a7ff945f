package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// command is what the first argument names.
type command struct {
	name string
	// flags adds those that only some commands have.
	flags func(*flag.FlagSet, *options)
	// least and most bound the number of arguments.
	least, most int
	args        string // for people
	posts       bool
	run         func(context.Context, *call) (result, error)
}

func commands() []command {
	return []command{
		{name: "login", run: login},
		{name: "whoami", run: whoami},
		{name: "accounts", run: listAccounts},
		{name: "refresh", run: refresh},
		{name: "revoke", run: revoke},
		{name: "text", flags: replyFlag, least: 1, most: 1, args: "one TEXT, in quotes; flags come before it", posts: true, run: postText},
		{name: "image", flags: mediaFlags, least: 1, most: 4, args: "one to four files; flags come before them", posts: true, run: postImages},
		{name: "gif", flags: mediaFlags, least: 1, most: 1, args: "one file; flags come before it", posts: true, run: postGIF},
		{name: "video", flags: mediaFlags, least: 1, most: 1, args: "one file; flags come before it", posts: true, run: postVideo},
		{name: "poll", flags: pollFlags, least: 3, most: 5, args: "a TEXT and two to four answers, each in quotes; flags come before them", posts: true, run: postPoll},
		{name: "timeline", flags: readFlags, run: timeline},
		{name: "followers", flags: readFlags, run: followers},
		{name: "custom", least: 2, most: 3, args: "a METHOD, a PATH and perhaps JSON", run: custom},
	}
}

// options are the flags of all commands.
type options struct {
	json, oauth1   bool
	account        string
	reply, text    string
	alt            list
	open           time.Duration
	user, nextPage string
	count          int
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return "" }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func commonFlags(f *flag.FlagSet, o *options) {
	f.BoolVar(&o.json, "json", o.json, "")
	f.BoolVar(&o.oauth1, "oauth1", o.oauth1, "")
	f.StringVar(&o.account, "account", o.account, "")
}

func replyFlag(f *flag.FlagSet, o *options) { f.StringVar(&o.reply, "reply", "", "") }

func mediaFlags(f *flag.FlagSet, o *options) {
	replyFlag(f, o)
	f.StringVar(&o.text, "text", "", "")
	f.Var(&o.alt, "alt", "")
}

func pollFlags(f *flag.FlagSet, o *options) {
	replyFlag(f, o)
	f.DurationVar(&o.open, "for", 24*time.Hour, "")
}

func readFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.user, "user", "", "")
	f.StringVar(&o.nextPage, "page", "", "")
	// Few: X charges for each post and user that it returns.
	f.IntVar(&o.count, "n", 20, "")
}

// call is a command line, understood, and what it runs with.
type call struct {
	world
	command command
	opt     options
	args    []string
	cfg     config
	*kitClients
}

// run does what args say and returns the exit status.
func run(ctx context.Context, w world, args []string) int {
	var opt options
	r, err := dispatch(ctx, w, args, &opt)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(w.stdout, usage)
		return 0
	}
	return show(w, opt, r, err)
}

func dispatch(ctx context.Context, w world, args []string, opt *options) (result, error) {
	args, err := parse("xpost", args, func(f *flag.FlagSet) { commonFlags(f, opt) })
	if err != nil {
		return result{}, err
	}
	if len(args) == 0 {
		return result{}, usagef("which command? xpost -h lists them, xpost demo shows them")
	}
	name, args := args[0], args[1:]
	switch name {
	case "demo":
		return demo(ctx, w, args, opt)
	case "help":
		return result{}, flag.ErrHelp
	}
	for _, c := range commands() {
		if c.name == name {
			return c.do(ctx, w, args, opt)
		}
	}
	return result{}, usagef("there is no command %q; xpost -h lists them", name)
}

func (c command) do(ctx context.Context, w world, args []string, opt *options) (result, error) {
	args, err := parse("xpost "+c.name, args, func(f *flag.FlagSet) {
		commonFlags(f, opt)
		if c.flags != nil {
			c.flags(f, opt)
		}
	})
	if err != nil {
		return result{}, err
	}
	if len(args) < c.least || len(args) > c.most {
		if c.most == 0 {
			return result{}, usagef("%s takes no arguments, and here are %d", c.name, len(args))
		}
		return result{}, usagef("%s takes %s; here are %d arguments", c.name, c.args, len(args))
	}
	cfg, err := readConfig(w.env)
	if err != nil {
		return result{}, err
	}
	k, err := openClients(ctx, w, cfg)
	if err != nil {
		return result{}, err
	}
	r, err := c.run(ctx, &call{world: w, command: c, opt: *opt, args: args, cfg: cfg, kitClients: k})
	if c.posts && errors.Is(err, context.Canceled) && !errors.Is(err, errUnsure) {
		err = errors.Join(errNotPosted, err)
	}
	return r, errors.Join(err, k.close(ctx))
}

// parse reads the flags in front of args and returns what follows.
func parse(name string, args []string, add func(*flag.FlagSet)) ([]string, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	add(f)
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, usagef("%s: %v; xpost -h lists the flags", name, err)
	}
	return f.Args(), nil
}

// readArg returns an argument, or all of standard input for "-".
func (c *call) readArg(ctx context.Context, arg string, most int64) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	type read struct {
		b   []byte
		err error
	}
	done := make(chan read, 1)
	go func() {
		b, err := io.ReadAll(io.LimitReader(c.stdin, most+1))
		done <- read{b, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		switch {
		case r.err != nil:
			return "", fmt.Errorf("standard input cannot be read: %w", r.err)
		case int64(len(r.b)) > most:
			return "", usagef("standard input is longer than %d bytes", most)
		}
		return string(r.b), nil
	}
}
