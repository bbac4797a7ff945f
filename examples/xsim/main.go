// Command xsim is a local X (Twitter) for sign-ins. It runs package xtest in a separate process,
// for several applications at once and in any language. See README.md, or run it with -h.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/xtest"
)

const usage = `xsim is a local X for sign-ins. It never contacts X.

	go run ./examples/xsim

Environment variables configure everything:

  ADDR                the address to listen on. Default 127.0.0.1:9090
  X_CALLBACK_URLS     the callbacks of the application, compared exactly, at most
                      10, separated by commas or spaces.
                      Default http://127.0.0.1:8080/auth/callback
  X_CLIENT_ID         client id of the confidential OAuth 2.0 client
  X_CLIENT_SECRET     its secret
  X_PUBLIC_CLIENT_ID  client id of the public OAuth 2.0 client, which has no secret
  X_CONSUMER_KEY      API key of OAuth 1.0a
  X_CONSUMER_SECRET   its secret
  STATE               a file for accounts, grants and tokens, so that users stay
                      signed in across restarts. Default none
  SWITCHES            names of xtest.Switches, separated by spaces, with values after "="
                      if they are not true: "Strict AccessLifetime=1m Refuse=RefuseNoCredits"

The credentials have defaults, which are printed at the start. GET / is a page with the
accounts, keys and switches, and the last requests with X's answers. Standard error has a
line for each request that was refused: what was wrong, and what to send. SIGTERM and
SIGINT end it. A wrong variable ends it with status 2.
`

func main() {
	flags := flag.NewFlagSet("xsim", flag.ContinueOnError)
	flags.Usage = func() { _, _ = io.WriteString(flags.Output(), usage) }
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case flags.NArg() > 0:
		fmt.Fprintln(os.Stderr, "xsim: there are no arguments; -h lists the variables")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	err := run(ctx, os.Getenv, os.Stdout, log)
	var faults *configError
	switch {
	case errors.As(err, &faults):
		for line := range strings.Lines(faults.Error() + "\n") {
			fmt.Fprint(os.Stderr, "xsim: ", line)
		}
		os.Exit(2)
	case err != nil:
		log.Error("xsim: stopped", "err", err)
		os.Exit(1)
	}
}

// configError has all errors of the environment, one line each, each with the name of its
// variable.
type configError struct{ faults []error }

func (e *configError) Error() string   { return errors.Join(e.faults...).Error() }
func (e *configError) Unwrap() []error { return e.faults }

func readConfig(env func(string) string) (addr, state string, cfg xtest.Config, err error) {
	get := func(name, byDefault string) string { return cmp.Or(strings.TrimSpace(env(name)), byDefault) }
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
	}
	addr = get("ADDR", "127.0.0.1:9090")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		fault("ADDR", "must be a host and a port, such as 127.0.0.1:9090: %v", err)
	}
	cfg = xtest.Config{
		ClientID:       get("X_CLIENT_ID", xtest.DefaultClientID),
		ClientSecret:   get("X_CLIENT_SECRET", xtest.DefaultClientSecret),
		PublicClientID: get("X_PUBLIC_CLIENT_ID", xtest.DefaultPublicClientID),
		ConsumerKey:    get("X_CONSUMER_KEY", xtest.DefaultConsumerKey),
		ConsumerSecret: get("X_CONSUMER_SECRET", xtest.DefaultConsumerSecret),
		Callbacks: strings.FieldsFunc(get("X_CALLBACK_URLS", xtest.DefaultCallback), func(r rune) bool {
			return r == ',' || r == ' ' || r == '\n' || r == '\t'
		}),
	}
	if cfg.ClientID == cfg.PublicClientID {
		fault("X_PUBLIC_CLIENT_ID", "must differ from X_CLIENT_ID")
	}
	const most = 10
	if n := len(cfg.Callbacks); n == 0 || n > most {
		fault("X_CALLBACK_URLS", "must have 1 to %d URLs, as X allows, and has %d", most, n)
	}
	for _, s := range cfg.Callbacks {
		// An application's own scheme needs no host: com.example.app:/callback.
		if u, err := url.Parse(s); err != nil || !u.IsAbs() || u.Host == "" && (u.Scheme == "http" || u.Scheme == "https") {
			fault("X_CALLBACK_URLS", "%q is not an absolute URL", s)
		}
	}
	for _, s := range strings.Fields(env("SWITCHES")) {
		if err := setSwitch(&cfg.Switches, s); err != nil {
			fault("SWITCHES", "%w", err)
		}
	}
	if len(faults) > 0 {
		return "", "", xtest.Config{}, &configError{faults}
	}
	return addr, get("STATE", ""), cfg, nil
}

// run serves until ctx ends. It writes to stdout when it is ready.
func run(ctx context.Context, env func(string) string, stdout io.Writer, log *slog.Logger) error {
	addr, state, cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	cfg.Logger = log
	x, err := simulate(cfg)
	if err != nil {
		return err
	}
	if state != "" {
		if err := x.KeepState(state); err != nil {
			return &configError{[]error{fmt.Errorf("STATE: %w", err)}}
		}
	}
	demo.Mount(x)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return &configError{[]error{fmt.Errorf("ADDR: %w", err)}}
	}
	srv := &http.Server{
		Handler:           x,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	announce(stdout, "http://"+reachable(addr, l.Addr()), cfg)

	var failed error
	select {
	case failed = <-served:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(failed, srv.Shutdown(ctx))
}

// simulate makes the X. xtest panics on a bad callback, which came here
// from a variable.
func simulate(cfg xtest.Config) (x *xtest.X, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &configError{[]error{fmt.Errorf("X_CALLBACK_URLS: %v", p)}}
		}
	}()
	cfg.Users = demo.Users()
	return xtest.New(cfg), nil
}

// announce prints that x is ready, and the variables for an application.
func announce(w io.Writer, at string, cfg xtest.Config) {
	_, _ = fmt.Fprintf(w, `Ready: %[1]s is a local X. Nothing here reaches X.
# Callbacks: %[2]s
# Accounts, keys, and the last requests: %[1]s/
#
# Settings for an application that reads the environment, such as examples/app:

export X_API_URL=%[1]s
export X_AUTHORIZE_URL=%[1]s/i/oauth2/authorize
export X_CLIENT_ID=%[3]s
export X_CLIENT_SECRET=%[4]s
export X_CONSUMER_KEY=%[5]s
export X_CONSUMER_SECRET=%[6]s

# As a public client, without a secret:
#
# export X_CLIENT_ID=%[7]s
# export X_CLIENT_SECRET=
`, at, strings.Join(cfg.Callbacks, " "), quote(cfg.ClientID), quote(cfg.ClientSecret),
		quote(cfg.ConsumerKey), quote(cfg.ConsumerSecret), quote(cfg.PublicClientID))
}

// quote makes s one word for a shell.
func quote(s string) string {
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// reachable is the host and port of a listener for a program on this machine: addr, with the
// actual port of the listener.
func reachable(addr string, l net.Addr) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	_, port, _ := net.SplitHostPort(l.String())
	return net.JoinHostPort(host, port)
}
