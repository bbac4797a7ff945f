// Package localx starts the small examples. They use the credentials in the environment. Without
// credentials they use a local X in the same process.
package localx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/examples/internal/selfcheck"
	"github.com/xsignin/xsignin/xtest"
)

// DefaultAddr is the address of an example if ADDR is not set.
const DefaultAddr = "127.0.0.1:8080"

// drainTimeout limits the wait for requests and refreshes in progress at the end.
const drainTimeout = 10 * time.Second

// Config returns an example's configuration for the site at publicURL. It reads the credentials
// from the environment:
//
//	X_CLIENT_ID, X_CLIENT_SECRET        OAuth 2.0
//	X_CONSUMER_KEY, X_CONSUMER_SECRET   OAuth 1.0a
//	SECRETS                             xsignin.Config.Secrets, separated by spaces
//
// Without a client id and a consumer key, a local X answers, with publicURL's callback
// registered. The second result is then its server, which the caller closes; otherwise it is
// nil. Config.X.Transport sends requests for api.x.com to the local X, so examples call the same
// URLs in both cases. Only the consent page needs the server's address, because a browser opens
// that page.
func Config(publicURL string, env func(string) string) (xsignin.Config, *xtest.Server) {
	secrets, err := xsignin.ParseSecrets(env("SECRETS"))
	if err != nil {
		secrets = strings.Fields(env("SECRETS")) // xsignin.New reports the error
	}
	cfg := xsignin.Config{
		PublicURL:    publicURL,
		ClientID:     env("X_CLIENT_ID"),
		ClientSecret: env("X_CLIENT_SECRET"),
		OAuth1:       xsignin.OAuth1Config{ConsumerKey: env("X_CONSUMER_KEY"), ConsumerSecret: env("X_CONSUMER_SECRET")},
		Secrets:      secrets,
	}
	if cfg.ClientID != "" || cfg.OAuth1.ConsumerKey != "" {
		return cfg, nil
	}
	x := xtest.NewServer(xtest.Config{AppName: "xsignin example", Callbacks: []string{publicURL + "/auth/callback"}, Users: demo.Users()})
	demo.Mount(x.X)
	cfg.ClientID, cfg.ClientSecret = xtest.DefaultClientID, xtest.DefaultClientSecret
	cfg.X.AuthorizeURL = x.URL + "/i/oauth2/authorize"
	cfg.X.Transport = x.Transport()
	return cfg, x
}

// Run serves the application that build returns until ctx ends. It listens at ADDR, a loopback
// address, and writes one line with the URL to stdout when it serves browsers. Unless CHECK is
// off, it logs what [xsignin.Kit.Check] finds.
func Run(ctx context.Context, env func(string) string, stdout io.Writer, build func(xsignin.Config) (http.Handler, *xsignin.Kit, error)) error {
	addr := cmp.Or(env("ADDR"), DefaultAddr)
	if err := onLoopback(addr); err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	defer func() { _ = l.Close() }()
	// The port of an ADDR such as 127.0.0.1:0 is known only now.
	host, _, _ := net.SplitHostPort(addr)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	publicURL := "http://" + net.JoinHostPort(host, port)

	cfg, x := Config(publicURL, env)
	note := ""
	if x != nil {
		defer x.Close()
		note = " (a local X is in this process, as neither X_CLIENT_ID nor X_CONSUMER_KEY is set: nothing reaches X)"
	}
	app, kit, err := build(cfg)
	if err != nil {
		return err
	}
	defer selfcheck.Start(ctx, env("CHECK"), kit, cmp.Or(cfg.Logger, slog.Default()))()
	srv := &http.Server{Handler: app, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	_, _ = fmt.Fprintf(stdout, "Ready: %s%s\n", publicURL, note)

	var failed error
	select {
	case failed = <-served:
	case <-ctx.Done():
	}
	// Shut the server down first: a refresh that a request began must still be saved.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := srv.Shutdown(ending); err != nil {
		_ = srv.Close()
	}
	return errors.Join(failed, kit.Close(ending))
}

// onLoopback refuses addresses that other machines can reach, because the examples use plain
// http.
func onLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("ADDR must be a host and a port, such as %s: %w", DefaultAddr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("ADDR must be a loopback address, such as %s: the examples use plain http", DefaultAddr)
	}
	return nil
}
