package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	demox "github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/xtest"
)

// demo runs commands against a local X that ends with demo: the commands of a tour, or the one
// that args name.
func demo(ctx context.Context, w world, args []string, opt *options) (r result, err error) {
	flags, err := parse("xpost demo", args, func(f *flag.FlagSet) { commonFlags(f, opt) })
	switch args = flags.Args(); {
	case errors.Is(err, flag.ErrHelp):
		demo := command{name: "demo", args: "[COMMAND ...]", about: "Shows a tour, or runs one command, with a local simulator of X."}
		return helped(demo.help(flags)), nil
	case err != nil:
		return result{}, err
	case len(args) > 0 && (args[0] == "demo" || args[0] == "login"):
		return result{}, usagef("demo: it signs in automatically, so %s is not available", args[0])
	case opt.account != "":
		return result{}, usagef("demo: there is one account, so -account is not available")
	case opt.auth != "":
		return result{}, usagef("demo: it uses its simulator's credentials, so -auth is not available")
	}
	dir, err := os.MkdirTemp("", "xpost-demo-")
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result{}, fmt.Errorf("no port is available for the sign-in: %w", err)
	}
	defer func() { _ = l.Close() }()
	x := localX(&w, l.Addr(), dir)
	defer x.Close()
	fmt.Fprintf(w.stderr, "A local simulator of X runs at %s. Nothing reaches X, and nothing is stored.\n", x.URL)

	signIn := []string{"login"}
	if opt.oauth1 {
		signIn = []string{"-oauth1", "login"}
	}
	r, err = dispatch(ctx, agreeing(w, x, l), signIn, &options{})
	switch {
	case err != nil:
		return result{}, err
	case len(args) > 0:
		return dispatch(ctx, w, args, opt)
	}
	return tour(ctx, w, dir, opt.json, step{quoted(signIn), r.document, r.write})
}

// step is a command of the tour with its result, as -json shows it.
type step struct {
	Command string `json:"command"`
	Result  any    `json:"result"`
	write   func(io.Writer)
}

// tour shows each step when it is done. With -json it shows all of them in one document.
func tour(ctx context.Context, w world, dir string, json bool, signIn step) (result, error) {
	steps := []step{}
	show := func(s step) {
		steps = append(steps, s)
		if !json {
			fmt.Fprintf(w.stdout, "$ xpost %s\n", s.Command)
			s.write(w.stdout)
			fmt.Fprintln(w.stdout)
		}
	}
	show(signIn)
	picture := filepath.Join(dir, "picture.png")
	if err := os.WriteFile(picture, pattern(), 0o600); err != nil {
		return result{}, err
	}
	for _, line := range [][]string{
		{"whoami"},
		{"text", "Hello from the command line"},
		{"image", "-text", "A picture", "-alt", "Squares in two blues", picture},
		{"poll", "-for", "1h", "Tea or coffee?", "Tea", "Coffee"},
		{"timeline", "-n", "5"},
	} {
		r, err := dispatch(ctx, w, line, &options{})
		if err != nil {
			return result{}, err
		}
		show(step{quoted(line), r.document, r.write})
	}
	return result{document: steps, write: func(w io.Writer) {
		fmt.Fprintln(w, "That was the tour. xpost -h lists the commands, and the variables for the real X.")
	}}, nil
}

// localX starts a simulator and sets w's variables for it.
func localX(w *world, callback net.Addr, dir string) *xtest.Server {
	_, port, _ := net.SplitHostPort(callback.String())
	x := xtest.NewServer(xtest.Config{AppName: "xpost demo", Callbacks: []string{callbackAt(port)}, Users: demox.Users()})
	demox.Mount(x.X)
	variables := map[string]string{
		"X_API_URL": x.URL, "X_AUTHORIZE_URL": x.URL + "/i/oauth2/authorize", "X_CALLBACK_PORT": port,
		"X_CLIENT_ID":    xtest.DefaultPublicClientID, // a Native App, without a secret
		"X_CONSUMER_KEY": xtest.DefaultConsumerKey, "X_CONSUMER_SECRET": xtest.DefaultConsumerSecret,
		"XPOST_DB": filepath.Join(dir, "tokens.db"),
	}
	w.env = func(name string) string { return variables[name] }
	return x
}

// agreeing is w with a simulated person who opens the consent page and allows the application.
// By OAuth 2.0 the person's browser comes back to l. By OAuth 1.0a the person types the PIN.
func agreeing(w world, x *xtest.Server, l net.Listener) world {
	w.listen = func(string, string) (net.Listener, error) { return l, nil }
	typed, keyboard := io.Pipe()
	w.stdin = typed
	w.browse = func(ctx context.Context, address string) {
		fmt.Fprintf(w.stderr, "The demo opens it automatically, and allows the sign-in as @%s.\n", x.UserByID(xtest.DefaultUserID).Username)
		go func() {
			where, err := x.Approve(address, xtest.DefaultUserID)
			if err != nil {
				_ = keyboard.CloseWithError(err)
				return
			}
			if !strings.HasPrefix(where, "http://") {
				// Type nothing before the command reads, because it asks for the PIN first.
				_, _ = io.WriteString(keyboard, "")
				fmt.Fprintln(w.stderr)
				_, _ = io.WriteString(keyboard, where+"\n")
				return
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
			if err != nil {
				return
			}
			if resp, err := (&http.Client{Transport: &http.Transport{}}).Do(r); err == nil {
				_ = resp.Body.Close()
			}
		}()
	}
	return w
}

// quoted is a command line in shell syntax.
func quoted(args []string) string {
	var all []string
	for _, a := range args {
		if strings.ContainsAny(a, " ?'") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		all = append(all, a)
	}
	return strings.Join(all, " ")
}

// pattern is a test picture.
func pattern() []byte {
	m := image.NewPaletted(image.Rect(0, 0, 240, 160), color.Palette{color.RGBA{0x1d, 0x4e, 0x89, 255}, color.RGBA{0x9c, 0xc5, 0xe9, 255}})
	for i := range m.Pix {
		m.Pix[i] = uint8((i%m.Stride/40 + i/m.Stride/40) % 2)
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m) // into memory, which cannot fail
	return b.Bytes()
}
