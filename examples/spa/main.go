// Command spa signs users in with X in a page that exchanges JSON with its server. See
// README.md.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/frame"
	"github.com/xsignin/xsignin/examples/internal/hello"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/page"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := localx.Run(ctx, os.Getenv, os.Stdout, newApp); err != nil {
		log.Fatal(err)
	}
}

//go:embed pages.html
var pageText string

//go:embed static
var static embed.FS

type app struct {
	kit   *xsignin.Kit
	pages frame.Pages
}

func newApp(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
	cfg.Scopes = []string{"tweet.read", "users.read", "tweet.write", "offline.access"}
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	a := &app{kit, frame.New("spa", cfg, pageText)}

	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /popup-done", a.popup)
	// The same middleware answers a fetch with 401 and a problem document. htmx also gets the
	// address of the login.
	mux.Handle("GET /api/posts", kit.RequireUser(http.HandlerFunc(a.posts)))
	mux.Handle("POST /api/posts", http.NewCrossOriginProtection().Handler(kit.RequireUser(http.HandlerFunc(a.post))))
	mux.Handle("GET /fragments/account", kit.RequireUser(http.HandlerFunc(a.account)))
	return frame.Guard(mux), kit, nil
}

// index is the same for all visitors: its script asks for the signed-in user.
func (a *app) index(w http.ResponseWriter, _ *http.Request) {
	// With "same-origin" the page would immediately lose access to the window that it opens.
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	a.pages.Show(w, http.StatusOK, "index", nil)
}

// popup is the page on which a sign-in in a separate window ends.
func (a *app) popup(w http.ResponseWriter, _ *http.Request) {
	// Any other value would now cut the window off from the page that opened it.
	w.Header().Set("Cross-Origin-Opener-Policy", "unsafe-none")
	a.pages.Show(w, http.StatusOK, "popup", nil)
}

// account is a fragment of a page, for htmx.
func (a *app) account(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	a.pages.Show(w, http.StatusOK, "account", user)
}

func (a *app) posts(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	posts, err := hello.LatestPosts(r.Context(), xsignin.Client(r.Context()), user.AccountID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if posts == nil {
		posts = []string{} // null is not a list
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(posts)
}

func (a *app) post(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Text string `json:"text"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body)
	if body.Text = strings.TrimSpace(body.Text); err != nil || body.Text == "" {
		problem(w, r, http.StatusUnprocessableEntity, "no_text", "Write something first.")
		return
	}
	asked, err := json.Marshal(body)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "https://api.x.com/2/tweets", strings.NewReader(string(asked)))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	out.Header.Set("Content-Type", "application/json")
	resp, err := xsignin.Client(r.Context()).Do(out)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch {
	case err != nil:
		a.fail(w, r, err)
	case resp.StatusCode == http.StatusCreated:
		w.WriteHeader(http.StatusCreated)
	case resp.StatusCode == http.StatusForbidden && strings.Contains(string(answer), "duplicate"):
		problem(w, r, http.StatusConflict, "duplicate", "You have posted this already. Change a word.")
	case resp.StatusCode == http.StatusTooManyRequests:
		problem(w, r, http.StatusTooManyRequests, "rate_limited", "The rate limit of X is reached. Try again in a quarter of an hour.")
	default:
		log.Printf("spa: X answers %s to a post", resp.Status)
		problem(w, r, http.StatusBadGateway, "unavailable", "X did not accept the post. Try again in a moment.")
	}
}

// fail answers a request whose call to X failed.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, client.ErrReauthRequired) {
		// RequireUser has let the request through, because X refused the token only now. Calling
		// it again gives the right refusal for this kind of request.
		if _, refusal := a.kit.Middleware().Require(w, r); refusal != nil {
			refusal.ServeHTTP(w, r)
			return
		}
	}
	log.Print(err)
	problem(w, r, http.StatusBadGateway, "unavailable", "X is unavailable at the moment. Try again later.")
}

func problem(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	page.Pages{}.Write(w, r, page.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code,
	})
}
