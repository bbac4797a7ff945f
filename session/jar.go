package session

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/provider"
)

// PendingLifetime is how long a sign-in may take from Begin to the callback.
const PendingLifetime = 10 * time.Minute

const (
	// maxPending is how many sign-ins a browser may have under way.
	maxPending = 5
	// pendingSkew is how far the clock of the replica that began may be ahead.
	pendingSkew = time.Minute
	// maxOpened and maxCleared bound what a browser full of made-up cookies costs.
	maxOpened, maxCleared = 32, 128
	// maxCookie is what every browser takes for name, value and attributes.
	maxCookie = 4096
	// handleDigits is how much of a handle's hash is in its cookie's name.
	handleDigits = 16
)

// JarConfig says how [NewJar] keeps pending sign-ins.
type JarConfig struct {
	// Secrets seal the cookies: at least one, each of 32 bytes or more, newest
	// first. The newest seals, all open, so that a secret can be replaced while
	// sign-ins are under way.
	Secrets [][]byte
	// Secure says that the application is reached over https only. The cookies'
	// names then begin with "__Host-", so that no other host can plant one.
	Secure bool
	// Now is the clock. Nil means [time.Now].
	Now func() time.Time
}

// Jar keeps the pending sign-ins of a browser in the browser: each in a cookie of
// its own, so that tabs do not disturb each other, sealed with AES-256-GCM, HttpOnly
// and SameSite=Lax. It writes to no store. Goroutines may share a Jar.
//
// A pending sign-in is used once, at most [PendingLifetime] old, and five to a
// browser. That it is used once is remembered by this process, for the last 65,536
// sign-ins; a cookie that its owner saved and presents again to another replica, or
// after a restart, is stopped only by X, whose codes and request tokens work once.
type Jar struct {
	box    *seal.Box
	prefix string
	secure bool
	now    func() time.Time
	spent  *spent
}

// NewJar makes a jar. It fails if a secret is missing or too short.
func NewJar(cfg JarConfig) (*Jar, error) {
	box, err := seal.New(cfg.Secrets, "xsignin pending")
	if err != nil {
		return nil, fmt.Errorf("session: the jar's secrets: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Jar{
		box:    box,
		prefix: hostPrefix(cfg.Secure) + "xsignin-pending-",
		secure: cfg.Secure,
		now:    cfg.Now,
		spent:  newSpent(maxSpent),
	}, nil
}

// Put gives the browser a cookie for b. Call it before the answer begins. If the
// browser then has more than five, the oldest are cleared, those first that do not
// open or are too old to be used.
//
// It fails if b has no handle, or is too long for a cookie: what a browser would
// drop without a word had better fail here.
func (j *Jar) Put(w http.ResponseWriter, r *http.Request, b Begun) error {
	if b.Pending.Handle == "" {
		return errors.New("session: a pending sign-in needs a handle")
	}
	if len(b.ReturnTo) > MaxReturnTo {
		b.ReturnTo = ""
	}
	if b.At.IsZero() {
		b.At = j.now()
	}
	name := j.name(b.Pending.Handle)
	value := base64.RawURLEncoding.EncodeToString(j.box.Seal(b.encode(), []byte(name)))
	c := j.cookie(name, value)
	c.MaxAge = int(PendingLifetime / time.Second)
	if n := len(c.String()); n > maxCookie || len(b.Pending.Scopes) > maxScopes {
		return fmt.Errorf("session: a pending sign-in with %s is too long for a cookie: %d bytes of %d",
			b.Pending.Provider, n, maxCookie)
	}
	for _, old := range j.surplus(r, name) {
		j.clear(w, old)
	}
	replaceCookie(w.Header(), c)
	return nil
}

// Take returns the pending sign-in that the browser has for handle, and clears its
// cookie, whatever comes of it. Call it before the answer begins.
//
// The error is a [*provider.Error]. Without a cookie, or with one that does not open
// or is another sign-in's, it is [provider.ErrOtherBrowser]; the cause names the
// secret's id if the jar lacks it. Too old, or taken before, it is
// [provider.ErrExpired]. Of several calls at the same time one succeeds.
func (j *Jar) Take(w http.ResponseWriter, r *http.Request, handle string) (Begun, error) {
	if handle == "" {
		return Begun{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	name := j.name(handle)
	value, sent := "", false
	eachCookie(r, func(n, v string) bool {
		if n == name {
			value, sent = v, true
		}
		return !sent
	})
	if !sent {
		return Begun{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	j.clear(w, name)
	b, err := j.open(name, value)
	if err != nil {
		return Begun{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback", Err: err}
	}
	// The name holds only a part of the handle's hash.
	if subtle.ConstantTimeCompare([]byte(b.Pending.Handle), []byte(handle)) != 1 {
		return Begun{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	now := j.now()
	if !usable(b.At, now) || !j.spent.add(handle, now) {
		return Begun{}, &provider.Error{Kind: provider.ErrExpired, Provider: b.Pending.Provider, Op: "callback"}
	}
	return b, nil
}

// usable reports whether a sign-in that was begun at at may still be finished.
func usable(at, now time.Time) bool {
	age := now.Sub(at)
	return age <= PendingLifetime && age >= -pendingSkew
}

// surplus lists the cookies that have to go when a cookie of the given name comes.
func (j *Jar) surplus(r *http.Request, name string) []string {
	type candidate struct {
		name string
		at   time.Time
	}
	var keep []candidate
	var out []string
	seen := map[string]bool{name: true}
	opened := 0
	eachCookie(r, func(n, v string) bool {
		if !strings.HasPrefix(n, j.prefix) || seen[n] {
			return true
		}
		seen[n] = true
		if opened < maxOpened {
			opened++
			if b, err := j.open(n, v); err == nil && usable(b.At, j.now()) {
				keep = append(keep, candidate{n, b.At})
				return true
			}
		}
		out = append(out, n)
		return len(out) < maxCleared
	})
	slices.SortStableFunc(keep, func(a, b candidate) int { return b.at.Compare(a.at) })
	for len(keep) > maxPending-1 {
		out = append(out, keep[len(keep)-1].name)
		keep = keep[:len(keep)-1]
	}
	return out
}

// open unseals the value of a cookie.
func (j *Jar) open(name, value string) (Begun, error) {
	if len(value) > maxCookie {
		return Begun{}, errMalformed
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return Begun{}, errMalformed
	}
	plain, err := j.box.Open(sealed, []byte(name))
	if err != nil {
		return Begun{}, err
	}
	return decodeBegun(plain)
}

// name is the name of a handle's cookie. It does not give the handle away, which
// the callback's address shows to whoever reads it.
func (j *Jar) name(handle string) string {
	sum := sha256.Sum256([]byte(handle))
	return j.prefix + base64.RawURLEncoding.EncodeToString(sum[:])[:handleDigits]
}

func (j *Jar) clear(w http.ResponseWriter, name string) {
	c := j.cookie(name, "")
	c.Expires, c.MaxAge = time.Unix(1, 0), -1
	replaceCookie(w.Header(), c)
}

func (j *Jar) cookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: j.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
