package session

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/internal/visitorpath"
	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

const (
	pendingLifetime = 10 * time.Minute // from Begin to the callback
	pendingSkew     = time.Minute      // how far the clock of the replica that began may be ahead
	maxPending      = 5                // sign-ins that a browser may have begun
	// maxPendingCookie limits the bytes of one cookie's name and value. All six cookies take
	// less than 6 KB. nginx and Apache refuse a request with 8 KB of headers.
	maxPendingCookie = 800
)

// PendingSignIn is a sign-in that a browser has begun.
type PendingSignIn struct {
	// Pending is what the provider needs to finish. It has secrets, which no log shows.
	Pending provider.Pending `json:"-"`
	// ReturnTo is the path to return to afterwards, unchecked, of at most 1,500 bytes.
	ReturnTo string
	// Wanted are the scopes in Pending.Scopes that the visitor's page needs.
	Wanted []string
	// SessionID is the id of the session that began the sign-in ([Manager.SessionID]), or "".
	// If another site started the sign-in, [PendingStore.Put] drops it.
	SessionID string
	// At is when the sign-in was begun, or has ended. The zero time means now.
	At time.Time
	// Ended says that the sign-in has ended. Then Pending has only Provider and State.
	Ended bool
	// Code is the code of the problem with which it ended, or "" if the user was signed in.
	Code string

	name    string // of its cookie
	foreign bool   // another site has started it
	err     error  // why it cannot be used
}

// Format implements [fmt.Formatter].
func (s PendingSignIn) Format(f fmt.State, _ rune) { redact.Format(f, s.Pending) }

// PendingStoreConfig says how [NewPendingStore] keeps pending sign-ins.
type PendingStoreConfig struct {
	// Secrets seal the cookies: at least one, each of 32 bytes or more, newest first. The
	// newest seals, all open.
	Secrets [][]byte `json:"-"`
	// Secure says that the site is reached over https only. The cookies' names then begin with
	// "__Host-", so that no other host can plant one.
	Secure bool
	// Name begins the cookies' names, after "__Host-", and without a prefix of its own that
	// needs Secure. The default is "xsignin". Two applications on one host need two names.
	Name string
	// Scopes are those that the application asks for, on all replicas. A cookie names them in
	// a short form, and others as text.
	Scopes []string
}

// Format implements [fmt.Formatter].
func (c PendingStoreConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c PendingStoreConfig) LogValue() slog.Value {
	return redact.Value("session.PendingStoreConfig(%d secrets, secure %t)", len(c.Secrets), c.Secure)
}

// PendingStore keeps the pending sign-ins of a browser in the browser: in five cookies with
// fixed names, sealed with AES-256-GCM, HttpOnly and SameSite=Lax. Goroutines may share it.
//
// A pending sign-in is used once, and at most ten minutes old. When it ends, its cookie
// holds the outcome for the same time. A new sign-in replaces an empty or unusable cookie,
// else the oldest outcome, else the oldest sign-in. A sign-in that another site has started
// replaces no sign-in of the visitor.
//
// Each cookie takes at most 800 bytes. A longer return path, of up to 1,500 bytes, is in a
// sixth cookie, which serves one sign-in: the latest that the visitor has started, or the first
// of another site. The others return to the default. So a browser never sends more than 6 KB.
//
// This process remembers at least the last 100,000 used sign-ins. Another replica, or this one
// after a restart, may take a saved cookie again. X then refuses its code.
type PendingStore struct {
	box     *seal.Box
	names   [maxPending]string
	path    string // name of the shared cookie
	secure  bool
	scopes  map[string]string // from the scope to its short form, and back
	now     func() time.Time
	spent   recent[[43]byte]
	counter atomic.Uint32
}

// NewPendingStore makes a PendingStore. It fails if a secret is missing or too short.
func NewPendingStore(cfg PendingStoreConfig) (*PendingStore, error) {
	box, err := seal.New(cfg.Secrets, "xsignin pending")
	if err != nil {
		return nil, &configerr.Error{Package: "session", Field: "PendingStoreConfig.Secrets", Problem: fmt.Sprintf("cannot seal: %v", err)}
	}
	if cfg.Name != "" && (&http.Cookie{Name: cfg.Name}).Valid() != nil {
		return nil, &configerr.Error{Package: "session", Field: "PendingStoreConfig.Name", Problem: fmt.Sprintf("is %q, which cannot be the name of a cookie", cfg.Name)}
	}
	prefix := cmp.Or(needsSecure.ReplaceAllString(cfg.Name, ""), defaultName) + pendingInfix
	if cfg.Secure {
		prefix = hostPrefix + prefix
	}
	s := &PendingStore{
		box: box, secure: cfg.Secure, now: time.Now,
		path: prefix + "path", scopes: make(map[string]string),
	}
	for i := range s.names {
		s.names[i] = fmt.Sprint(prefix, i+1)
	}
	for _, scope := range cfg.Scopes {
		hash := sha256.Sum256([]byte(scope))
		short := "\x00" + string(hash[:4])
		s.scopes[scope], s.scopes[short] = short, scope
	}
	return s, nil
}

// Put gives the browser a cookie for p. Call it before the answer begins. It fails if p has
// no state or does not fit, and if [PendingStore.Full]. Then Put sets no cookie. If another
// site started the sign-in, Put may drop a path that needs the sixth cookie.
func (s *PendingStore) Put(w http.ResponseWriter, r *http.Request, p PendingSignIn) error {
	p.foreign = foreign(r)
	if p.foreign {
		p.SessionID = ""
	}
	p.name = s.slot(r, p.foreign)
	switch {
	case p.Pending.State == "":
		return errors.New("session: a pending sign-in needs a state")
	case p.name == "":
		return errors.New("session: another site may not replace the visitor's pending sign-ins")
	case len(p.ReturnTo) > visitorpath.MaxReturnTo:
		return fmt.Errorf("session: the return path has %d bytes, and the limit is %d", len(p.ReturnTo), visitorpath.MaxReturnTo)
	}
	p.At = cmp.Or(p.At, s.now())
	value, whole := s.encode(p)
	if n := len(p.name) + 1 + len(value); n > maxPendingCookie {
		return fmt.Errorf("session: a pending sign-in with %s is too long for a cookie: %d bytes of %d (ask for fewer scopes, or pass them as PendingStoreConfig.Scopes)",
			p.Pending.Provider, n, maxPendingCookie)
	}
	// Another site must not replace the path of the visitor's own sign-in.
	if _, none := r.Cookie(s.path); !whole && (!p.foreign || none != nil) {
		s.set(w, s.path, sealText(s.box, s.pathPlace(p), []byte(p.ReturnTo)), pendingLifetime)
	}
	s.set(w, p.name, value, pendingLifetime)
	return nil
}

// Full reports whether another site has started r, in a browser whose five sign-ins are the
// visitor's. A sign-in that the visitor starts by a link on this site succeeds.
func (s *PendingStore) Full(r *http.Request) bool { return s.slot(r, foreign(r)) == "" }

func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// slot chooses the cookie for a new sign-in, or "" if it may replace none.
func (s *PendingStore) slot(r *http.Request, foreign bool) string {
	sent := s.open(r)
	// Simultaneous tabs send the same cookies. The counter gives them different ones.
	first := s.counter.Add(1)
	var best PendingSignIn
	for i := range uint32(maxPending) {
		name := s.names[(first+i)%maxPending]
		at := slices.IndexFunc(sent, func(p PendingSignIn) bool { return p.name == name && p.err == nil })
		if at < 0 {
			return name
		}
		switch p := sent[at]; {
		case foreign && !p.foreign && !p.Ended:
		case best.name == "" || p.Ended && !best.Ended || p.Ended == best.Ended && p.At.Before(best.At):
			best = p
		}
	}
	return best.name
}

// Find returns the pending sign-in, or the outcome, that the browser has for state. It
// changes nothing. The error is a [*provider.Error]: [provider.ErrExpired], or without a good
// cookie [provider.ErrOtherBrowser], whose cause names the id of a secret that is missing.
//
// Of several cookies of one name, which another host of the site may have planted, the first
// of eight that is good counts.
func (s *PendingStore) Find(r *http.Request, state string) (PendingSignIn, error) {
	kind, from, cause := provider.ErrOtherBrowser, "", error(nil)
	for _, p := range s.open(r) {
		same := state != "" && subtle.ConstantTimeCompare([]byte(p.Pending.State), []byte(state)) == 1
		switch {
		case p.err == nil && same:
			s.findPath(r, &p)
			return p, nil
		case p.err == nil:
		case errors.As(p.err, new(*seal.UnknownKeyError)):
			cause = cmp.Or(cause, p.err)
		case same:
			kind, from = provider.ErrExpired, p.Pending.Provider
		}
	}
	return PendingSignIn{}, &provider.Error{Kind: kind, Provider: from, Op: "callback", Err: cause}
}

// findPath reads the return path of p, if it is in the shared cookie.
func (s *PendingStore) findPath(r *http.Request, p *PendingSignIn) {
	tried := 0
	for name, value := range cookies(r) {
		if p.ReturnTo == "" && name == s.path && tried < maxTokens {
			tried++
			path, _ := openText(s.box, s.pathPlace(*p), value)
			p.ReturnTo = string(path)
		}
	}
}

// Spend reports whether the sign-in with the state was not used before in this process.
func (s *PendingStore) Spend(state string) bool {
	return s.spent.due(hashKey("", state), s.now(), pendingLifetime+pendingSkew, true)
}

// Finish replaces the cookie of a sign-in by its outcome. Call it before the answer begins.
func (s *PendingStore) Finish(w http.ResponseWriter, p PendingSignIn, code string) {
	p.Ended, p.Code, p.At = true, code, s.now()
	p.Pending = provider.Pending{Provider: p.Pending.Provider, State: p.Pending.State}
	p.SessionID = ""
	value, _ := s.encode(p)
	s.set(w, p.name, value, pendingLifetime)
}

// Clear removes the browser's pending sign-ins and outcomes. Call it before the answer
// begins. With spend, this process also refuses a copy of such a cookie, so that no pending
// sign-in completes after a sign-out.
func (s *PendingStore) Clear(w http.ResponseWriter, r *http.Request, spend bool) {
	for _, p := range s.open(r) {
		if spend && p.err == nil && !p.Ended {
			s.Spend(p.Pending.State)
		}
	}
	for name := range cookies(r) {
		if name == s.path || slices.Contains(s.names[:], name) {
			s.set(w, name, "", -time.Second)
		}
	}
}

// open opens the first eight cookies of each of the five names.
func (s *PendingStore) open(r *http.Request) (all []PendingSignIn) {
	var tried [maxPending]int
	for name, value := range cookies(r) {
		i := slices.Index(s.names[:], name)
		if i < 0 || tried[i] == maxTokens {
			continue
		}
		tried[i]++
		p := PendingSignIn{name: name}
		var plain []byte
		plain, p.err = openText(s.box, name, value)
		c := &wire.Coder{B: plain, Reading: true}
		s.code(c, &p)
		age := s.now().Sub(p.At)
		if p.err == nil && (!c.Done() || age > pendingLifetime || age < -pendingSkew) {
			p.err = provider.ErrExpired
		}
		all = append(all, p)
	}
	return all
}

// code codes the inside of a cookie.
func (s *PendingStore) code(c *wire.Coder, p *PendingSignIn) {
	at := p.At.UnixMicro() // microseconds keep the order of tabs that were opened together
	c.Number(&at)
	p.At = time.UnixMicro(at).UTC()
	c.Flag(&p.Ended, &p.foreign)
	c.Text(&p.Pending.Provider, &p.Pending.State, &p.Pending.Secret, &p.ReturnTo, &p.Code, &p.SessionID)
	for _, list := range [...]*[]string{&p.Wanted, &p.Pending.Scopes} {
		wire.List(c, list, func(scope *string) {
			text := cmp.Or(s.scopes[*scope], *scope)
			if c.Text(&text); c.Reading {
				*scope = cmp.Or(s.scopes[text], text)
				// A replica with other scopes may have begun this sign-in.
				c.Bad = c.Bad || strings.HasPrefix(*scope, "\x00")
			}
		})
	}
}

// encode returns the value of p's cookie, without a return path that does not fit.
func (s *PendingStore) encode(p PendingSignIn) (value string, whole bool) {
	c := &wire.Coder{B: make([]byte, 0, 512)}
	s.code(c, &p)
	value = sealText(s.box, p.name, c.B)
	if p.ReturnTo == "" || len(p.name)+1+len(value) <= maxPendingCookie {
		return value, true
	}
	p.ReturnTo = ""
	value, _ = s.encode(p)
	return value, false
}

// pathPlace is the place for which the return path of p is sealed. No other sign-in opens it.
func (s *PendingStore) pathPlace(p PendingSignIn) string { return s.path + "=" + p.Pending.State }

func (s *PendingStore) set(w http.ResponseWriter, name, value string, life time.Duration) {
	dropCookie(w.Header(), name)
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()),
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	if w.Header().Get("Cache-Control") != "no-store" {
		w.Header().Add("Cache-Control", `no-cache="Set-Cookie"`)
	}
}
