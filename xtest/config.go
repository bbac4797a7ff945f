package xtest

import (
	"cmp"
	"log/slog"
	"time"
)

// The credentials of a zero [Config]. They have the shape of X's, and X does not know them.
const (
	DefaultClientID       = "eHRlc3QtZGVtby1jbGllbnQtMDA6MTpjaQ"
	DefaultClientSecret   = "xtest_demo_client_secret-not-a-real-one-0000000000"
	DefaultPublicClientID = "eHRlc3QtcHVibGljLWFwcC0wMDA6MTpuYQ"
	DefaultConsumerKey    = "xtest-demo-consumer-key00"
	DefaultConsumerSecret = "xtest-demo-consumer-secret-not-a-real-one-00000000"
	DefaultCallback       = "http://127.0.0.1:8080/auth/callback"
	DefaultAppName        = "Demo application"
)

// The accounts of a zero [Config]: one id as of X's early days, one above 2^53, which no JavaScript number holds.
const (
	DefaultUserID   = "6253282"
	DefaultUserName = "demo"
	SecondUserID    = "1788000000000000001"
	SecondUserName  = "demo_two"
)

// Config describes the application registered at X and X itself. The zero value works. It is copied by [New]: later
// changes do nothing.
type Config struct {
	// AppName is the application's name on the consent page. Default [DefaultAppName].
	AppName string

	// ClientID and ClientSecret are the OAuth 2.0 credentials of a confidential app (X's "Web App, Automated App or
	// Bot"). Defaults [DefaultClientID] and [DefaultClientSecret].
	ClientID, ClientSecret string

	// PublicClientID is the OAuth 2.0 client id of a public app beside it (X's "Native App" or "Single Page App"),
	// which has no secret. Default [DefaultPublicClientID].
	PublicClientID string

	// ConsumerKey and ConsumerSecret are the OAuth 1.0a credentials, which X calls API key and secret. Defaults
	// [DefaultConsumerKey] and [DefaultConsumerSecret].
	ConsumerKey, ConsumerSecret string

	// ReadOnly is the app's permission in X's console for OAuth 1.0a: its tokens may read and not write.
	ReadOnly bool

	// Callbacks are the registered callback URLs of all these apps, compared exactly; at most 10, none with a scheme
	// that X blocks. Nil means [DefaultCallback] alone; empty but not nil means that none is registered.
	// [X.SetCallbacks] changes them later, for applications whose port is known only when they run.
	Callbacks []string

	// BaseURL is the URL by which clients call this X when they do not come through [X.Transport] for one of X's own
	// hosts. OAuth 1.0a signatures are verified over it. Empty means the scheme and Host of each request, which is
	// right unless a proxy is between. A path in it is kept, for an X mounted below a prefix.
	BaseURL string

	// Users are the accounts. Nil means two demo accounts.
	Users []User

	// Switches choose behaviour on which the sources about X are silent or disagree.
	Switches Switches

	// Now is the clock, for everything that is timed. Default [time.Now].
	Now func() time.Time

	// Logger is told, at level Info, why something was refused. Secrets are not logged. Default none.
	Logger *slog.Logger
}

// User is an account of the simulated X.
type User struct {
	ID          string // decimal, at most 19 digits; never changes
	Username    string // the handle, without @; may change
	Name        string // the display name
	Email       string // empty: the account has no confirmed address
	AvatarURL   string // X's end in _normal.jpg; empty: a picture that the simulator draws and serves
	Description string
	Protected   bool
	Verified    bool
	Suspended   bool // X has suspended the account
	CreatedAt   time.Time
}

func defaultUsers() []User {
	return []User{
		{
			ID: DefaultUserID, Username: DefaultUserName, Name: "Demo Account", Email: "demo@example.com",
			Description: "A demo account of the local X simulator.",
			CreatedAt:   time.Date(2007, 5, 23, 6, 1, 13, 0, time.UTC),
		},
		{
			ID: SecondUserID, Username: SecondUserName, Name: "Second Demo",
			Description: "Another demo account, without a confirmed address and with an id above 2^53.",
			Verified:    true,
			CreatedAt:   time.Date(2024, 5, 8, 3, 6, 29, 0, time.UTC),
		},
	}
}

func (c Config) withDefaults() Config {
	c.AppName = cmp.Or(c.AppName, DefaultAppName)
	c.ClientID = cmp.Or(c.ClientID, DefaultClientID)
	c.ClientSecret = cmp.Or(c.ClientSecret, DefaultClientSecret)
	c.PublicClientID = cmp.Or(c.PublicClientID, DefaultPublicClientID)
	c.ConsumerKey = cmp.Or(c.ConsumerKey, DefaultConsumerKey)
	c.ConsumerSecret = cmp.Or(c.ConsumerSecret, DefaultConsumerSecret)
	if c.Callbacks == nil {
		c.Callbacks = []string{DefaultCallback}
	}
	if c.Users == nil {
		c.Users = defaultUsers()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
