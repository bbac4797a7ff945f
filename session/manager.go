package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/background"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	defaultLifetime = 14 * 24 * time.Hour
	maxLifetime     = 100 * 365 * 24 * time.Hour // in nanoseconds; programs write 292 years for "never"
)

// Config says how [New] keeps sessions. The zero value works, for plain http on one process.
type Config struct {
	// Store keeps the records: any of scs's stores. Replicas share it; another application
	// must not, see [Manager]. Nil means memory, with at most 380 bytes for a session that
	// holds only its user. A call to a store that takes contexts (an [scs.CtxStore]) ends
	// after 5 seconds; any other store must limit its calls itself.
	Store scs.Store
	// Lifetime is how long a session lasts, used or not. Zero means 14 days. The limit is 100 years.
	Lifetime time.Duration
	// IdleTimeout ends a session that has not been used for this long, or up to a sixteenth
	// less: use is recorded with one store write in that time. Zero means no such limit. It
	// cannot be longer than Lifetime.
	IdleTimeout time.Duration
	// CookieName is the name of the cookie. The default is "xsignin". With Secure it gets
	// the prefix "__Host-", with which browsers refuse a cookie that another host plants.
	CookieName string
	// Secure says that the site is reached over https only. The cookie is then never sent over http.
	Secure bool
	// Vault keeps the lists of the users' sessions, next to the tokens. Replicas share its
	// store and its secrets. Without one, [Manager.UserSessions] returns nil.
	Vault *tokenstore.Vault
	// Logger logs errors that are not returned. Nil means [slog.Default].
	Logger *slog.Logger
}

// Format implements [fmt.Formatter]. The store may hold its password.
func (c Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c Config) LogValue() slog.Value {
	return redact.Value("session.Config(%T, cookie %q, secure %t)", c.Store, c.CookieName, c.Secure)
}

// FromSCSConfig is what [FromSCS] needs in addition to the session manager.
type FromSCSConfig struct {
	// Secrets seal the user in the session, as in [PendingStoreConfig]. Required, unless
	// the manager has been made by [New].
	Secrets [][]byte `json:"-"`
	// PublicURL is the address of the site, or empty. With it, FromSCS checks the cookie's
	// domain, and that the cookie is Secure if PublicURL is https.
	PublicURL string
	// SecurePerRequest says that the application sets the cookie's Secure attribute for each
	// request. Then FromSCS does not check the settings that need Secure.
	SecurePerRequest bool
	// Vault and Logger are as in [Config].
	Vault  *tokenstore.Vault
	Logger *slog.Logger
}

// Format implements [fmt.Formatter].
func (c FromSCSConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c FromSCSConfig) LogValue() slog.Value {
	return redact.Value("session.FromSCSConfig(%d secrets, public URL %q)", len(c.Secrets), c.PublicURL)
}

// Manager knows who is signed in. [New] or [FromSCS] makes one. Goroutines may share it.
//
// A session does not say which Manager made it: any Manager over the same store takes its
// cookie. So replicas share their users, and two applications must not share a store, a table
// or a prefix of keys.
type Manager struct {
	sm     *scs.SessionManager
	store  *store
	ctxKey any // under which scs keeps a loaded session in a context
}

// New makes a manager and its sessions. It reports all errors of cfg at once. Call it once
// per process and configuration: scs starts a goroutine for each manager, which never ends.
//
// The cookie is HttpOnly, SameSite=Lax, for every path of exactly this host, and stays when
// the browser closes. The store holds only hashes of session ids. Records of scs's default
// codec can be read: an application can change to New and keep its sessions, if it keeps the
// store and the cookie's name, and had scs's HashTokenInStore on.
func New(cfg Config) (*Manager, error) {
	name := cmp.Or(cfg.CookieName, defaultName)
	if cfg.Secure && !strings.HasPrefix(name, hostPrefix) {
		name = hostPrefix + name
	}
	lifetime := cmp.Or(cfg.Lifetime, defaultLifetime)
	faults := configerr.For("session")
	faults.AddIf(cfg.Lifetime < 0, "Config.Lifetime", "is %v: leave it unset for 14 days", cfg.Lifetime)
	faults.AddIf(cfg.IdleTimeout < 0, "Config.IdleTimeout", "is %v: leave it unset for no limit", cfg.IdleTimeout)
	faults.AddIf(lifetime >= 0 && cfg.IdleTimeout > lifetime, "Config.IdleTimeout",
		"is %v, longer than the lifetime of %v: leave it unset, or set a longer Lifetime", cfg.IdleTimeout, lifetime)
	faults.AddIf((&http.Cookie{Name: name}).Valid() != nil, "Config.CookieName",
		"is %q, which cannot be the name of a cookie", cfg.CookieName)
	faults.AddIf(strings.Contains(name, pendingInfix), "Config.CookieName",
		"is %q, a name of pending sign-ins, which are cleared", cfg.CookieName)
	faults.AddIf(!cfg.Secure && needsSecure.MatchString(name), "Config.CookieName",
		"is %q, which browsers refuse without Secure", cfg.CookieName)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	// Only scs.New gives a manager a context key that no other has.
	sm := scs.New()
	if cfg.Store != nil {
		sm.Store = cfg.Store
	}
	sm.Codec, sm.HashTokenInStore, sm.ErrorFunc = codec{}, true, nil
	sm.Lifetime, sm.IdleTimeout = min(lifetime, maxLifetime), cfg.IdleTimeout
	sm.Cookie.Name, sm.Cookie.Secure = name, cfg.Secure // scs adds HttpOnly, Path=/, SameSite=Lax
	return newManager(sm, cfg.Vault, cfg.Logger, nil)
}

// FromSCS uses the session manager that an application already has. Its cookie, codec,
// lifetimes and error function stay. The methods here also work without a LoadAndSave.
//
// FromSCS puts a wrapper around sm.Store. So call it before sm is used, and do not replace
// sm.Store afterwards. Calling it again for the same sm is harmless.
//
// It fails if sm lacks a part, or if sm does not hash session ids in the store. It also fails if
// browsers would not keep the cookie, or not send it on the way back from the provider.
func FromSCS(sm *scs.SessionManager, cfg FromSCSConfig) (*Manager, error) {
	faults := configerr.For("session")
	if sm == nil || sm.Store == nil || sm.Codec == nil || sm.Cookie.Name == "" {
		faults.Add("Manager", "lacks a part: make it with scs.New")
		return nil, faults.Err()
	}
	faults.AddIf(sm.Lifetime <= 0, "Manager.Lifetime", "is %v: make the manager with scs.New", sm.Lifetime)
	faults.AddIf(!sm.HashTokenInStore, "Manager.HashTokenInStore",
		"is false: set it, so that the store keeps no session ids in clear. That ends the sessions so far")
	checkCookie(faults, sm.Cookie, cfg)
	box, err := seal.New(cfg.Secrets, "xsignin session")
	if _, own := sm.Codec.(codec); own {
		box, err = nil, nil
	}
	faults.AddIf(err != nil, "FromSCSConfig.Secrets", "cannot seal: %v", err)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return newManager(sm, cfg.Vault, cfg.Logger, box)
}

func newManager(sm *scs.SessionManager, vault *tokenstore.Vault, logger *slog.Logger, box *seal.Box) (*Manager, error) {
	s, wrapped := sm.Store.(*store)
	if !wrapped {
		base, ok := sm.Store.(scs.CtxStore)
		if !ok {
			base = withContext{sm.Store}
		}
		s = &store{
			base: base, list: sm.Store, sm: sm, logger: cmp.Or(logger, slog.Default()),
			later: background.New(),
		}
		sm.Store = s
	}
	s.box = cmp.Or(box, s.box)
	if vault != nil && s.users == nil {
		s.users = &UserSessions{store: s, vault: vault}
	}
	// Only scs's key tells whether a context holds a session. The probe learns the key.
	probe := &keyProbe{Context: context.Background()}
	if _, err := sm.Load(probe, ""); err != nil || probe.key == nil {
		return nil, errors.New("session: this version of scs keeps its sessions in an unknown way")
	}
	m := &Manager{sm: sm, store: s, ctxKey: probe.key}
	if sm.ErrorFunc == nil {
		sm.ErrorFunc = m.unavailable
	}
	return m, nil
}

type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any { p.key = key; return nil }

// loaded reports whether a middleware has put the session into ctx.
func (m *Manager) loaded(ctx context.Context) bool { return ctx.Value(m.ctxKey) != nil }

// Get returns the user of the session that r's cookie names. ok is false without a user. Get
// reads the store once, or not at all if scs cannot have made the cookie. An error means that
// the store did not answer.
//
// If a middleware has put the session into ctx, Get looks there, and sees a sign-in or
// sign-out of the same request. Otherwise, with an idle timeout, Get records the use. Values
// that another request of the session saves during that write are lost.
func (m *Manager) Get(ctx context.Context, r *http.Request) (u provider.User, ok bool, err error) {
	_, rec, err := m.find(ctx, r)
	return rec.user, rec.signedIn(), err
}

// Load is [Manager.Get] for the answer to a visitor's request. It adds Vary: Cookie to the
// answer, and never a cookie: the handler may make the answer cacheable.
func (m *Manager) Load(w http.ResponseWriter, r *http.Request) (u provider.User, ok bool, err error) {
	if vary := w.Header()["Vary"]; !slices.Contains(vary, "Cookie") && !slices.Contains(vary, "*") {
		w.Header().Add("Vary", "Cookie")
	}
	return m.Get(r.Context(), r)
}

// SessionID returns the id in the list ([UserSession].ID) of r's session. ok is false if no
// user is signed in, and if the browser sends sessions of several users: another host of the
// site may have planted one of them.
func (m *Manager) SessionID(ctx context.Context, r *http.Request) (id string, ok bool, err error) {
	_, rec, err := m.find(ctx, r)
	all, _ := m.tokens(r, nil)
	for i := 0; err == nil && rec.signedIn() && len(all) > 1 && i < len(all); i++ {
		var other record
		other, _, err = m.store.openID(ctx, all[i])
		if other.signedIn() && other.user.ID != rec.user.ID {
			return "", false, nil
		}
	}
	return rec.id, err == nil && rec.signedIn(), err
}

// find finds the session in ctx, or else the one that r's cookies name: the first whose record
// has a user, or else the first whose record opens. Another host of the site, or an older
// cookie at a longer path, may put a cookie of the same name in front.
func (m *Manager) find(ctx context.Context, r *http.Request) (token string, rec record, err error) {
	all, _ := m.tokens(r, make([]string, 0, maxTokens))
	if m.loaded(ctx) {
		i, first := m.identityIn(ctx), m.sm.Token(ctx) // scs's own middleware loads the first of several cookies
		if i.signedIn() || !slices.ContainsFunc(all, func(t string) bool { return t != first }) {
			return "", record{identity: i}, nil
		}
	}
	for _, t := range all {
		found, ok, err := m.store.openID(ctx, t)
		if err != nil {
			return "", record{}, fmt.Errorf("session: reading: %w", err)
		}
		if ok && (token == "" || found.signedIn()) {
			token, rec = t, found
		}
		if rec.signedIn() {
			break
		}
	}
	return token, rec, nil
}

// UserSessions returns the lists of the users' sessions, or nil without a vault.
func (m *Manager) UserSessions() *UserSessions { return m.store.users }

// SCS returns the session manager underneath, for values of the application, behind
// [Manager.LoadAndSave] or its own. Its Store, Codec and HashTokenInStore must stay.
func (m *Manager) SCS() *scs.SessionManager { return m.sm }

// Close finishes the deletion of ended sessions, until ctx ends. The stores stay open.
func (m *Manager) Close(ctx context.Context) error { return m.store.later.Close(ctx) }
