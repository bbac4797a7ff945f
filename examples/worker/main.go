// Command worker posts to X for users who are away. See README.md.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/frame"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/examples/internal/posttext"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/provider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves and works until ctx ends.
func run(ctx context.Context, env func(string) string, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at := storage.Place{Kind: storage.InSQLite, At: cmp.Or(env("DATABASE"), "worker.db"), Variable: "DATABASE"}
	end := func() error { return nil }
	err := localx.Run(ctx, env, stdout, func(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
		store, err := storage.Open(ctx, at, cfg.Secrets, slog.Default())
		if err != nil {
			return nil, nil, err
		}
		a, err := newApp(ctx, cfg, store, time.Now)
		if err != nil {
			return nil, nil, errors.Join(err, store.Close())
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.worker.run(ctx)
		}()
		end = func() error {
			cancel()
			<-done
			return store.Close()
		}
		return a, a.kit, nil
	})
	return errors.Join(err, end())
}

//go:embed pages.html
var pageText string

type app struct {
	http.Handler
	kit    *xsignin.Kit
	jobs   *jobs
	worker *worker
	pages  frame.Pages
	now    func() time.Time
}

func newApp(ctx context.Context, cfg xsignin.Config, store *storage.Storage, now func() time.Time) (*app, error) {
	cfg.Secrets, cfg.Session.Store, cfg.TokenStore = store.Keys, store.Sessions, store.Tokens
	cfg.Scopes = []string{"tweet.read", "users.read", "tweet.write", "offline.access"}
	// A sign-out ends the session, and the jobs continue.
	cfg.Advanced.KeepTokensOnLogout = true
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	table, err := openJobs(ctx, store.DB)
	if err != nil {
		return nil, errors.Join(err, kit.Close(ctx))
	}
	a := &app{kit: kit, jobs: table, worker: newWorker(table, kit, now), pages: frame.New("worker", cfg, pageText), now: now}

	// Use LoadUser, not RequireUser. If X refuses a user's token, RequireUser would redirect the
	// user to X at once, and the user would not see the state of the posts.
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /{$}", kit.LoadUser(http.HandlerFunc(a.home)))
	cross := http.NewCrossOriginProtection()
	mux.Handle("POST /jobs", cross.Handler(kit.LoadUser(http.HandlerFunc(a.schedule))))
	mux.Handle("POST /jobs/{id}/{what}", cross.Handler(kit.LoadUser(http.HandlerFunc(a.change))))
	a.Handler = frame.Guard(mux)
	return a, nil
}

// shown is a job, as shown on the page.
type shown struct{ job }

// Says is the state as a text.
func (s shown) Says() string {
	switch s.State {
	case waiting:
		return "Waits until " + s.Due.UTC().Format("2 January 15:04:05 UTC") + "."
	case sending:
		return "Is being sent."
	case posted:
		return "Posted."
	case unknown:
		return "Perhaps posted."
	}
	return "Not posted."
}

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	v := struct {
		SignedIn, Parked bool
		User             provider.User
		LoginURL         string
		Jobs             []shown
	}{}
	if v.User, v.SignedIn = xsignin.User(r.Context()); v.SignedIn {
		all, err := a.jobs.of(r.Context(), v.User.ID)
		if err != nil {
			fail(w, err)
			return
		}
		for _, j := range all {
			v.Jobs = append(v.Jobs, shown{j})
		}
		// The jobs show that something was not posted. The token shows whether that has been
		// fixed.
		accounts, err := a.kit.Accounts(r.Context(), v.User.ID)
		if err != nil {
			fail(w, err)
			return
		}
		v.Parked = true
		for _, account := range accounts {
			if account.Key == v.User.Key() && !account.Token.NeedsReauth {
				v.Parked = false
			}
		}
		v.LoginURL = a.kit.LoginURL(v.User.Provider, "/")
	}
	w.Header().Set("Cache-Control", "no-store")
	a.pages.Show(w, http.StatusOK, "home", v)
}

func (a *app) schedule(w http.ResponseWriter, r *http.Request) {
	user, ok := xsignin.User(r.Context())
	text := strings.TrimSpace(r.PostFormValue("text"))
	in, err := time.ParseDuration(r.PostFormValue("in"))
	switch {
	case !ok:
		a.pages.Show(w, http.StatusUnauthorized, "fault", "You are not signed in any more. Sign in, then write it again.")
		return
	case text == "" || posttext.Length(text) > posttext.Max:
		a.pages.Show(w, http.StatusUnprocessableEntity, "fault", "A post has 1 to 280 characters. Links count 23, and emoji and Chinese, Japanese and Korean characters count two.")
		return
	case err != nil || in < 0 || in > 30*24*time.Hour:
		a.pages.Show(w, http.StatusUnprocessableEntity, "fault", "Choose a time from the list.")
		return
	}
	// The key is all that the worker needs to act for the user later.
	if err := a.jobs.add(r.Context(), user.Key(), text, a.now().Add(in)); err != nil {
		fail(w, err)
		return
	}
	a.worker.look()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) change(w http.ResponseWriter, r *http.Request) {
	user, ok := xsignin.User(r.Context())
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	switch what := r.PathValue("what"); {
	case !ok:
		a.pages.Show(w, http.StatusUnauthorized, "fault", "You are not signed in any more.")
		return
	case err != nil || (what != "again" && what != "delete"):
		http.NotFound(w, r)
		return
	case what == "again":
		err = a.jobs.again(r.Context(), id, user.Key(), a.now())
	default:
		err = a.jobs.remove(r.Context(), id, user.ID)
	}
	if err != nil {
		fail(w, err)
		return
	}
	a.worker.look()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	http.Error(w, "The database does not answer. Try again in a moment.", http.StatusServiceUnavailable)
}
