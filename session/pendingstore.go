package session

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/provider"
)

// PendingLifetime is how long a sign-in may take from Begin to the callback.
const PendingLifetime = 10 * time.Minute

// MaxReturnTo is the longest [PendingSignIn.ReturnTo], in bytes, that a [PendingStore] keeps.
const MaxReturnTo = 1500

const (
	// maxPending is how many sign-ins a browser may have begun.
	maxPending = 5
	// pendingSkew is how far the clock of the replica that began may be ahead.
	pendingSkew = time.Minute
	// maxPendingCookie is what the name and value of one sign-in take. With the shared
	// cookie all take less than 6 KB: nginx and Apache refuse a request with 8 KB of headers,
	// and the application has cookies, too.
	maxPendingCookie = 800
	// maxPathCookie is what the name and value of the shared cookie take.
	maxPathCookie = 2100
)

// ErrPendingFull says that another site started a sign-in in a browser whose five sign-ins
// are the visitor's. A sign-in that the visitor starts by a link on this site succeeds.
var ErrPendingFull = errors.New("session: another site may not replace the visitor's pending sign-ins")

// PendingStoreConfig says how [NewPendingStore] keeps pending sign-ins.
type PendingStoreConfig struct {
	// Secrets seal the cookies: at least one, each of 32 bytes or more, newest
	// first. The newest seals, all open, so that a secret can be replaced while
	// sign-ins are pending.
	Secrets [][]byte
	// Secure says that the application is reached over https only. The cookies'
	// names then begin with "__Host-", so that no other host can plant one.
	Secure bool
	// Name begins the cookies' names, after "__Host-". The default is "xsignin". Two
	// applications on one host need two names.
	Name string
	// Scopes are the scopes that the application asks for. A cookie names them in a short
	// form, and others as text. All replicas need the same.
	Scopes []string
	// Now is the clock. Nil means [time.Now].
	Now func() time.Time
}

// PendingStore keeps the pending sign-ins of a browser in the browser: in five cookies with
// fixed names, sealed with AES-256-GCM, HttpOnly and SameSite=Lax. It writes to no store.
// Goroutines may share a PendingStore.
//
// A pending sign-in is used once, and at most [PendingLifetime] old. When it ends, its cookie
// holds the outcome for the same time. A new sign-in takes the place of an empty or unusable
// cookie, else of the oldest outcome, else of the oldest sign-in. A sign-in that another site
// has started replaces no sign-in of the visitor.
//
// Each cookie takes at most 800 bytes. A return path that does not fit, of up to
// [MaxReturnTo], is in a sixth cookie, which serves one sign-in. So a browser never sends
// more than 6 KB, in whatever order the answers of simultaneous logins arrive.
//
// This process remembers the last 65,536 used sign-ins. Against a cookie that its owner saved
// and presents to another replica, or after a restart, X protects: its codes and request
// tokens work once.
type PendingStore struct {
	box     *seal.Box
	names   [maxPending]string
	path    string // name of the shared cookie
	secure  bool
	scopes  map[scopeHash]string
	now     func() time.Time
	spent   *replayGuard
	counter atomic.Uint32
}

// NewPendingStore makes a PendingStore. It fails if a secret is missing or too short.
func NewPendingStore(cfg PendingStoreConfig) (*PendingStore, error) {
	box, err := seal.New(cfg.Secrets, "xsignin pending")
	if err != nil {
		return nil, &configerr.Error{Package: "session", Field: "PendingStoreConfig.Secrets", Problem: fmt.Sprintf("cannot seal: %v", err)}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	prefix := hostPrefix(cfg.Secure) + cmp.Or(cfg.Name, defaultName) + pendingInfix
	s := &PendingStore{
		box: box, secure: cfg.Secure, now: cfg.Now, spent: newSpent(maxSpent),
		path: prefix + "path", scopes: make(map[scopeHash]string),
	}
	for i := range s.names {
		s.names[i] = fmt.Sprint(prefix, i+1)
	}
	for _, scope := range cfg.Scopes {
		s.scopes[hashScope(scope)] = scope
	}
	return s, nil
}

// Put gives the browser a cookie for b. Call it before the answer begins. It fails if b has
// no state, or does not fit into a cookie, and with [ErrPendingFull].
func (s *PendingStore) Put(w http.ResponseWriter, r *http.Request, b PendingSignIn) error {
	if b.Pending.State == "" {
		return errors.New("session: a pending sign-in needs a state")
	}
	if len(b.ReturnTo) > MaxReturnTo {
		b.ReturnTo = ""
	}
	if b.At.IsZero() {
		b.At = s.now()
	}
	c := content{kind: kindPending, foreign: foreign(r), PendingSignIn: b}
	name, ok := s.slot(r, c.foreign)
	if !ok {
		return ErrPendingFull
	}
	value, shared := s.seal(name, c.encode(s.scopes)), ""
	if c.ReturnTo != "" && len(name)+1+len(value) > maxPendingCookie {
		shared = s.seal(s.path, encodePath(b.Pending.State, b.ReturnTo))
		c.path, c.ReturnTo = true, ""
		value = s.seal(name, c.encode(s.scopes))
	}
	if n := len(name) + 1 + len(value); n > maxPendingCookie || max(len(b.Pending.Scopes), len(b.Wanted)) > maxScopes {
		return fmt.Errorf("session: a pending sign-in with %s is too long for a cookie: %d bytes of %d (ask for fewer scopes, or pass them as PendingStoreConfig.Scopes)",
			b.Pending.Provider, n, maxPendingCookie)
	}
	if shared != "" && len(s.path)+1+len(shared) <= maxPathCookie {
		s.set(w, s.path, shared)
	}
	s.set(w, name, value)
	return nil
}

// Full reports whether Put would fail with [ErrPendingFull].
func (s *PendingStore) Full(r *http.Request) bool {
	_, ok := s.slot(r, foreign(r))
	return !ok
}

// foreign reports whether another site has started r.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// slot chooses the cookie for a new sign-in.
func (s *PendingStore) slot(r *http.Request, foreign bool) (name string, ok bool) {
	sent := make(map[string]content)
	s.each(r, func(name string, c content) bool {
		if _, known := sent[name]; !known {
			sent[name] = c
		}
		return true
	})
	// Simultaneous tabs send the same cookies. The counter gives them different ones.
	first := int(s.counter.Add(1))
	for i := range s.names {
		if name := s.names[(first+i)%maxPending]; sent[name].kind == 0 {
			return name, true
		}
	}
	order := func(name string) (int, time.Time) {
		c := sent[name]
		if c.kind == kindOutcome {
			return 0, c.At
		}
		return 1, c.At
	}
	names := slices.SortedFunc(slices.Values(s.names[:]), func(a, b string) int {
		i, at := order(a)
		k, bt := order(b)
		return cmp.Or(cmp.Compare(i, k), at.Compare(bt))
	})
	for _, name := range names {
		if c := sent[name]; !foreign || c.foreign || c.kind == kindOutcome {
			return name, true
		}
	}
	return "", false
}

// Found is what a browser has for the state of a callback.
type Found struct {
	PendingSignIn
	// Outcome is set if the sign-in has ended. Then of PendingSignIn only what Outcome has
	// is set.
	Outcome *Outcome

	name string
	path bool
}

// Find returns the pending sign-in, or the outcome, that the browser has for state. It
// changes nothing. The error is a [*provider.Error]: without a good cookie it is
// [provider.ErrOtherBrowser], whose cause names the secret's id if the store lacks it. Too
// old, it is [provider.ErrExpired].
//
// A browser may send several cookies of one name, if another host of the site can plant one:
// the first of eight that is good counts.
func (s *PendingStore) Find(r *http.Request, state string) (Found, error) {
	var cause error
	var found Found
	expired := ""
	s.eachValue(r, func(name, value string) bool {
		c, err := s.open(name, value)
		if err != nil {
			if cause == nil && errors.As(err, new(*seal.UnknownKeyError)) {
				cause = err
			}
			return true
		}
		if state == "" || subtle.ConstantTimeCompare([]byte(c.Pending.State), []byte(state)) != 1 {
			return true
		}
		if !usable(c.At, s.now()) {
			expired = c.Pending.Provider
			return true
		}
		found = Found{PendingSignIn: c.PendingSignIn, name: name, path: c.path}
		if c.kind == kindOutcome {
			found.Outcome = &Outcome{Provider: c.Pending.Provider, Code: c.code, Wanted: c.Wanted}
		}
		return false
	})
	if found.name == "" {
		if expired != "" {
			return Found{}, &provider.Error{Kind: provider.ErrExpired, Provider: expired, Op: "callback"}
		}
		return Found{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback", Err: cause}
	}
	if found.path {
		found.ReturnTo = s.sharedPath(r, state)
	}
	if found.Outcome != nil {
		found.Outcome.ReturnTo = found.ReturnTo
	}
	return found, nil
}

// Spend reports whether the sign-in with the state was not used before in this process. Of
// several callers with one state exactly one gets true.
func (s *PendingStore) Spend(state string) bool { return s.spent.add(state, s.now()) }

// Finish replaces the cookie of a sign-in by its outcome. Call it before the answer begins.
// The return path stays where it is.
func (s *PendingStore) Finish(w http.ResponseWriter, f Found, code string) {
	c := content{kind: kindOutcome, path: f.path, code: code, PendingSignIn: PendingSignIn{At: s.now(), ReturnTo: f.ReturnTo, Wanted: f.Wanted}}
	c.Pending.Provider, c.Pending.State = f.Pending.Provider, f.Pending.State
	if f.path {
		c.ReturnTo = ""
	}
	s.set(w, f.name, s.seal(f.name, c.encode(s.scopes)))
}

// Clear removes the browser's pending sign-ins and outcomes. Call it before the answer
// begins. With spend, this process refuses a copy of such a cookie, too: no sign-in from
// before a sign-out completes after it.
func (s *PendingStore) Clear(w http.ResponseWriter, r *http.Request, spend bool) {
	if spend {
		s.each(r, func(_ string, c content) bool {
			if c.kind == kindPending {
				s.Spend(c.Pending.State)
			}
			return true
		})
	}
	eachCookie(r, func(name, _ string) bool {
		if name == s.path || slices.Contains(s.names[:], name) {
			c := s.cookie(name, "")
			c.MaxAge = -1
			replaceCookie(w.Header(), name, c.String())
		}
		return true
	})
}

// sharedPath returns the path of the shared cookie, if it is the sign-in's with the state.
func (s *PendingStore) sharedPath(r *http.Request, state string) (path string) {
	tried := 0
	eachCookie(r, func(name, value string) bool {
		if name != s.path {
			return true
		}
		tried++
		plain, err := s.unseal(name, value)
		if err != nil {
			return tried < maxTokens
		}
		var ok bool
		path, ok = decodePath(plain, state)
		return !ok && tried < maxTokens
	})
	return path
}

// usable reports whether a sign-in that was begun at at may still be finished.
func usable(at, now time.Time) bool {
	age := now.Sub(at)
	return age <= PendingLifetime && age >= -pendingSkew
}

// each calls yield with each cookie that can be used.
func (s *PendingStore) each(r *http.Request, yield func(name string, c content) bool) {
	now := s.now()
	s.eachValue(r, func(name, value string) bool {
		c, err := s.open(name, value)
		return err != nil || !usable(c.At, now) || yield(name, c)
	})
}

// eachValue calls yield with the first eight values of each of the five names.
func (s *PendingStore) eachValue(r *http.Request, yield func(name, value string) bool) {
	var tried [maxPending]int
	eachCookie(r, func(name, value string) bool {
		i := slices.Index(s.names[:], name)
		if i < 0 || tried[i] == maxTokens {
			return true
		}
		tried[i]++
		return yield(s.names[i], value)
	})
}

func (s *PendingStore) seal(name string, plain []byte) string {
	var text [maxPendingCookie]byte // enough for most
	return string(base64.RawURLEncoding.AppendEncode(text[:0], s.box.Seal(plain, []byte(name))))
}

func (s *PendingStore) unseal(name, value string) ([]byte, error) {
	if len(value) > maxPathCookie {
		return nil, errMalformed
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil, errMalformed
	}
	return s.box.Open(sealed, []byte(name))
}

func (s *PendingStore) open(name, value string) (content, error) {
	plain, err := s.unseal(name, value)
	if err != nil {
		return content{}, err
	}
	return decodeContent(plain, s.scopes)
}

func (s *PendingStore) set(w http.ResponseWriter, name, value string) {
	c := s.cookie(name, value)
	c.MaxAge = int(PendingLifetime / time.Second)
	replaceCookie(w.Header(), name, c.String())
}

func (s *PendingStore) cookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
