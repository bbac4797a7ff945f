package xtest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// X is a simulated X: an [http.Handler] for all of its hosts. Make one with [New]. All methods may be called by several
// goroutines at once.
type X struct {
	clock  clock
	ids    atomic.Int64
	record record
	faults faults
	key    []byte // signs the form tokens of the pages
	own    sync.Map

	mu            sync.Mutex // guards everything below, and what it points to
	cfg           Config
	users         map[string]*account
	order         []string // ids, as added
	approvals     map[string]approval
	nonces        map[string]time.Time // until when each is remembered
	requestTokens map[string]*requestToken
	codes         map[string]*code
	tokens        map[string]*token
	swept         time.Time
	windows       map[string]*apiWindow
	rateLimits    map[string]int // set by SetRateLimit
	ext           Extension
	state         stateFile
}

// account is a user with what belongs to them.
type account struct{ User }

// New makes an X. It panics when the configuration is one that X's console would not accept: more than ten callbacks,
// a callback that is not an absolute URL or whose scheme X blocks, a BaseURL that is not an http or https URL, or
// accounts without a decimal id of at most 19 digits or without a username, or two with the same.
func New(cfg Config) *X {
	cfg = cfg.withDefaults()
	checkCallbacks(cfg.Callbacks)
	cfg.Callbacks = append([]string(nil), cfg.Callbacks...)
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	x := &X{
		clock:         clock{base: cfg.Now},
		key:           make([]byte, 32),
		cfg:           cfg,
		users:         map[string]*account{},
		approvals:     map[string]approval{},
		nonces:        map[string]time.Time{},
		requestTokens: map[string]*requestToken{},
		codes:         map[string]*code{},
		tokens:        map[string]*token{},
		windows:       map[string]*apiWindow{},
		rateLimits:    map[string]int{},
	}
	x.ids.Store(firstID)
	x.addOwnEndpoints()
	_, _ = rand.Read(x.key)
	if cfg.BaseURL != "" {
		u, err := url.Parse(cfg.BaseURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			panic(fmt.Sprintf("xtest: BaseURL %q is not an http or https URL", cfg.BaseURL))
		}
		x.own.Store(hostPort(u), true)
	}
	for _, u := range cfg.Users {
		x.AddUser(u)
	}
	x.cfg.Users = nil
	return x
}

const firstID = 1_900_000_000_000_000_000

// NewID gives the next decimal id, above 2^53.
func (x *X) NewID() string { return strconv.FormatInt(x.ids.Add(1), 10) }

// ServeHTTP answers as X does. The paths of all of X's hosts are served on whatever host the request names; only
// requests through [X.Transport] for X's own hosts are held to the host that X serves a path on.
func (x *X) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The clock of this X, not the machine's: clients correct themselves by it.
	w.Header().Set("Date", x.Now().UTC().Format(http.TimeFormat))
	form, tooLarge := bufferForm(r)
	r, done := x.record.add(r, x.Now(), x.baseURL(r), form)
	rec := &recordingWriter{ResponseWriter: w, done: done}
	if tooLarge {
		x.finish(rec, r, newReply(http.StatusRequestEntityTooLarge, typeText, "Request Entity Too Large"))
		return
	}
	x.withFaults(rec, r, x.route)
}

func (x *X) route(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if o, ok := originOf(r); ok && o.real {
		if o.scheme != "https" {
			x.finish(w, r, coded(http.StatusForbidden, 92, "SSL is required").because("call X's hosts by https"))
			return
		}
		if !o.serves(path) {
			x.finish(w, r, notFound().because("X does not serve this path on this host: pages are on x.com, the API on api.x.com"))
			return
		}
	}
	switch {
	case path == "/oauth/request_token":
		x.oauth1Endpoint(w, r, x.serveRequestToken)
	case path == "/oauth/access_token":
		x.oauth1Endpoint(w, r, x.serveAccessToken)
	case path == "/1.1/oauth/invalidate_token.json":
		x.tokenEndpoint(w, r, x.serveInvalidate)
	case path == "/2/oauth2/token":
		x.tokenEndpoint(w, r, x.serveToken)
	case path == "/2/oauth2/revoke":
		x.tokenEndpoint(w, r, x.serveRevoke)
	case path == "/oauth2/token":
		x.tokenEndpoint(w, r, x.serveAppOnly)
	case slices.Contains(consentPaths(), path):
		x.serveConsent(w, r)
	case isAPI(path):
		x.serveAPI(w, r)
	case strings.HasPrefix(path, avatarPath):
		x.serveAvatar(w, r)
	case strings.HasPrefix(path, mediaPath) && x.ext.Media != nil:
		x.ext.Media.ServeHTTP(w, r)
	case path == "/":
		x.serveFront(w, r)
	default:
		x.finish(w, r, notFound())
	}
}
