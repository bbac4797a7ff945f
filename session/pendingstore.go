package session

import (
	"cmp"
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
	// maxPendingBytes is what their cookies may take of a request's headers, as
	// proxies refuse a request (nginx and Apache: of more than 8 KB, and all of the
	// application's cookies count) before the application could clear anything.
	// Five sign-ins fit, each with a return path of about 300 bytes.
	maxPendingBytes = 3500
	// maxOpened bounds what a browser full of made-up cookies costs.
	maxOpened = 32
	// maxCleared is how many cookies one answer clears, so that its headers stay
	// below 4 KB, which is what a proxy takes by default.
	maxCleared = 20
	// maxCookie is what every browser takes for name, value and attributes.
	maxCookie = 4096
	// maxSameName is how many cookies of one name are tried.
	maxSameName = 8
	// handleDigits is how much of a handle's hash is in its cookie's name.
	handleDigits = 16
)

// PendingStoreConfig says how [NewPendingStore] keeps pending sign-ins.
type PendingStoreConfig struct {
	// Secrets seal the cookies: at least one, each of 32 bytes or more, newest
	// first. The newest seals, all open, so that a secret can be replaced while
	// sign-ins are under way.
	Secrets [][]byte
	// Secure says that the application is reached over https only. The cookies'
	// names then begin with "__Host-", so that no other host can plant one.
	Secure bool
	// Name begins the cookies' names, after "__Host-". The default is "xsignin". Two
	// applications on one host need two, or each clears what the other's visitors have
	// under way.
	Name string
	// Now is the clock. Nil means [time.Now].
	Now func() time.Time
}

// PendingStore keeps the pending sign-ins of a browser in the browser: each in a cookie of
// its own, so that tabs do not disturb each other, sealed with AES-256-GCM, HttpOnly
// and SameSite=Lax. It writes to no store. Goroutines may share a PendingStore.
//
// A pending sign-in is used once, at most [PendingLifetime] old, and there are five
// to a browser, fewer if their cookies would take more than 3,500 bytes of a
// request's headers: with the common scopes, five have room for return paths of 300
// bytes each. That it is used once is remembered by this process, for the last 65,536
// sign-ins; a cookie that its owner saved and presents again to another replica, or
// after a restart, is stopped only by X, whose codes and request tokens work once.
type PendingStore struct {
	box    *seal.Box
	prefix string
	secure bool
	now    func() time.Time
	spent  *replayGuard
}

// NewPendingStore makes a jar. It fails if a secret is missing or too short.
func NewPendingStore(cfg PendingStoreConfig) (*PendingStore, error) {
	box, err := seal.New(cfg.Secrets, "xsignin pending")
	if err != nil {
		return nil, fmt.Errorf("session: the jar's secrets: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &PendingStore{
		box:    box,
		prefix: hostPrefix(cfg.Secure) + cmp.Or(cfg.Name, defaultName) + pendingInfix,
		secure: cfg.Secure,
		now:    cfg.Now,
		spent:  newSpent(maxSpent),
	}, nil
}

// Put gives the browser a cookie for b. Call it before the answer begins. Cookies
// that do not open, or are too old to be used, are cleared, and if there then are
// more than five, or more than 3,500 bytes of them, the oldest, never b's own. One
// answer clears at most 20, the next one goes on.
//
// It fails if b has no handle, or is too long for a cookie: what a browser would
// drop without a word had better fail here.
func (j *PendingStore) Put(w http.ResponseWriter, r *http.Request, b PendingSignIn) error {
	if b.Pending.State == "" {
		return errors.New("session: a pending sign-in needs a handle")
	}
	if len(b.ReturnTo) > MaxReturnTo {
		b.ReturnTo = ""
	}
	if b.At.IsZero() {
		b.At = j.now()
	}
	name := j.name(b.Pending.State)
	value := base64.RawURLEncoding.EncodeToString(j.box.Seal(b.encode(), []byte(name)))
	c := j.cookie(name, value)
	c.MaxAge = int(PendingLifetime / time.Second)
	line := c.String()
	if n := len(line); n > maxCookie || max(len(b.Pending.Scopes), len(b.Wanted)) > maxScopes {
		return fmt.Errorf("session: a pending sign-in with %s is too long for a cookie: %d bytes of %d",
			b.Pending.Provider, n, maxCookie)
	}
	for _, old := range j.surplus(r, c) {
		j.clear(w, old)
	}
	replaceCookie(w.Header(), name, line)
	return nil
}

// Take returns the pending sign-in that the browser has for handle, and clears its
// cookie, whatever comes of it. Call it before the answer begins.
//
// A browser may send several cookies of one name, where another host of the site
// can plant one in front (only a name with "__Host-" is safe from that, see
// [PendingStoreConfig.Secure]): the first of eight that is good is taken.
//
// The error is a [*provider.Error]. Without a cookie, or with one that does not open
// or is another sign-in's, it is [provider.ErrOtherBrowser]; the cause names the
// secret's id if the jar lacks it. Too old, or taken before, it is
// [provider.ErrExpired]. Of several calls at the same time one succeeds.
func (j *PendingStore) Take(w http.ResponseWriter, r *http.Request, handle string) (PendingSignIn, error) {
	if handle == "" {
		return PendingSignIn{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	name := j.name(handle)
	var taken PendingSignIn
	var fault *provider.Error
	tried, ok := 0, false
	eachCookie(r, func(n, value string) bool {
		if n != name {
			return true
		}
		tried++
		b, err := j.take(name, value, handle)
		switch {
		case err == nil:
			taken, ok = b, true
		case tried == 1 || errors.Is(err, provider.ErrExpired):
			fault = err
		}
		return !ok && tried < maxSameName
	})
	if tried > 0 {
		j.clear(w, name)
	}
	switch {
	case ok:
		return taken, nil
	case fault == nil:
		fault = &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	return PendingSignIn{}, fault
}

// Clear ends the sign-ins that the browser has under way, as whoever signs out does
// not expect one of them to complete later. Call it before the answer begins. A copy
// of a cookie that could be used is then refused by this process, as one that was
// taken.
//
// One answer clears at most 20 cookies, those first that can be used; Put leaves a
// browser with five of them.
func (j *PendingStore) Clear(w http.ResponseWriter, r *http.Request) {
	usables, others := j.sent(r)
	now := j.now()
	var names []string
	for _, k := range usables {
		j.spent.add(k.handle, now)
		names = append(names, k.name)
	}
	names = append(names, others...)
	for _, name := range names[:min(len(names), maxCleared)] {
		j.clear(w, name)
	}
}

// take spends the sign-in in a cookie's value.
func (j *PendingStore) take(name, value, handle string) (PendingSignIn, *provider.Error) {
	b, err := j.open(name, value)
	if err != nil {
		return PendingSignIn{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback", Err: err}
	}
	// The name holds only a part of the handle's hash.
	if subtle.ConstantTimeCompare([]byte(b.Pending.State), []byte(handle)) != 1 {
		return PendingSignIn{}, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	now := j.now()
	if !usable(b.At, now) || !j.spent.add(handle, now) {
		return PendingSignIn{}, &provider.Error{Kind: provider.ErrExpired, Provider: b.Pending.Provider, Op: "callback"}
	}
	return b, nil
}

// usable reports whether a sign-in that was begun at at may still be finished.
func usable(at, now time.Time) bool {
	age := now.Sub(at)
	return age <= PendingLifetime && age >= -pendingSkew
}

// surplus lists the cookies that have to go when c comes.
func (j *PendingStore) surplus(r *http.Request, c *http.Cookie) []string {
	keep, out := j.sent(r)
	keep = slices.DeleteFunc(keep, func(k kept) bool { return k.name == c.Name })
	out = slices.DeleteFunc(out, func(name string) bool { return name == c.Name })
	slices.SortStableFunc(keep, func(a, b kept) int { return b.at.Compare(a.at) })
	size := sentSize(c.Name, c.Value)
	n := 0
	for n < len(keep) && n < maxPending-1 && size+keep[n].size <= maxPendingBytes {
		size += keep[n].size
		n++
	}
	// The usable ones first: cookies that another host has planted may be beyond
	// clearing, and must not keep ours in the browser.
	var names []string
	for _, k := range keep[n:] {
		names = append(names, k.name)
	}
	names = append(names, out...)
	return names[:min(len(names), maxCleared)]
}

// kept is a cookie that the browser sent and that can still be used.
type kept struct {
	name   string
	handle string
	at     time.Time
	size   int
}

// sent sorts the jar's cookies in a request into those that can be used and the
// names of the others, each in the order sent. It looks at a bounded number of
// them. A name may come with several values (see [PendingStore.Take]); one of them is enough.
func (j *PendingStore) sent(r *http.Request) (usables []kept, others []string) {
	values, now := 0, j.now()
	var names []string
	found := make(map[string]bool) // whether it can be used
	eachCookie(r, func(name, value string) bool {
		if !j.ours(name) || found[name] {
			return true
		}
		values++
		if _, known := found[name]; !known {
			names = append(names, name)
			found[name] = false
		}
		if values > maxOpened {
			return len(names) < maxOpened+maxCleared
		}
		if b, err := j.open(name, value); err == nil && usable(b.At, now) {
			found[name] = true
			usables = append(usables, kept{name, b.Pending.State, b.At, sentSize(name, value)})
		}
		return true
	})
	for _, name := range names {
		if !found[name] {
			others = append(others, name)
		}
	}
	return usables, others
}

// sentSize is how much of a Cookie header a cookie takes.
func sentSize(name, value string) int { return len(name) + len("=") + len(value) + len("; ") }

// ours reports whether the jar can have made a cookie of this name. Longer ones are
// left alone: clearing them would take more room than an answer has.
func (j *PendingStore) ours(name string) bool {
	return strings.HasPrefix(name, j.prefix) && len(name) <= len(j.prefix)+handleDigits
}

// open unseals the value of a cookie.
func (j *PendingStore) open(name, value string) (PendingSignIn, error) {
	if len(value) > maxCookie {
		return PendingSignIn{}, errMalformed
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return PendingSignIn{}, errMalformed
	}
	plain, err := j.box.Open(sealed, []byte(name))
	if err != nil {
		return PendingSignIn{}, err
	}
	return decodeBegun(plain)
}

// name is the name of a handle's cookie. It does not give the handle away, which
// the callback's address shows to whoever reads it.
func (j *PendingStore) name(handle string) string {
	sum := hashToken(handle)
	return j.prefix + base64.RawURLEncoding.EncodeToString(sum[:handleDigits*6/8])
}

func (j *PendingStore) clear(w http.ResponseWriter, name string) {
	c := j.cookie(name, "")
	c.MaxAge = -1 // without Expires, which would add a third to the line
	replaceCookie(w.Header(), name, c.String())
}

func (j *PendingStore) cookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: j.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
