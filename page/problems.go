package page

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
)

// Kinds of problem without a page. The handlers and the middleware use them.
const (
	// VisitorLeft: the visitor closed the page before the response.
	VisitorLeft = "visitor_left"
	// DeniedSignedIn is [Denied] for a visitor who is signed in.
	DeniedSignedIn = "denied_signed_in"
	// AccountTaken: another user of the application has connected the account.
	AccountTaken = "account_taken"
	// LoginLoop: RequireUser protects the login itself.
	LoginLoop = "login_loop"
	// TokenRefused: X does not accept the token that a program sent.
	TokenRefused = "token_refused"
	// BadRequest: a program sent a request that is not well formed.
	BadRequest = "bad_request"
	// ForeignLogin: another site started a sign-in, and the visitor has others pending.
	ForeignLogin = "foreign_login"
	// ForeignSocket: another site sent a WebSocket handshake.
	ForeignSocket = "foreign_socket"
)

// row is one problem.
type row struct {
	id     Kind
	kind   Kind   // of the page, if it is not id
	code   string // if it is not the kind
	err    error  // the error that has this problem, or nil
	status int
	title  string // the text of the status if empty
	text   string
	label  string // of the link
	level  slog.Level
	wait   time.Duration // for Retry-After
	fix    string        // for the operator
}

const (
	brief    = 5 * time.Second
	whyInLog = "You did nothing wrong. The site's administrators need to fix this. The reason is in their log."
	siteBug  = "Something went wrong on this site"
)

// unexpected is the problem of every other error.
var unexpected = row{
	id: "unexpected", kind: Internal, status: http.StatusInternalServerError, level: slog.LevelError,
	title: siteBug, text: "You did nothing wrong. Try again in a moment.",
}

// problems is the table of problems. The first row whose error matches counts.
var problems = [...]row{
	{
		id: VisitorLeft, status: http.StatusServiceUnavailable, level: slog.LevelDebug,
		title: "The request was cancelled", text: "Nothing was saved.",
	},
	{
		id: Internal, status: http.StatusServiceUnavailable, level: slog.LevelError, wait: brief,
		title: siteBug, text: "You did nothing wrong, and nothing was saved. Try again in a moment.",
	},
	{
		id: LoginLoop, kind: Internal, status: http.StatusInternalServerError, level: slog.LevelError,
		title: "Sign-in does not work at the moment", text: whyInLog,
		fix: "mount the kit at its own path, outside RequireUser and RequireScopes",
	},
	{
		id: ForeignLogin, kind: CrossOrigin, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "Sign in?", text: "Another site sent you here to sign in. If you want to sign in, use the button.",
		label: "Sign in",
	},
	{
		id: Denied, err: provider.ErrDenied, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "You are not signed in",
		text:  "The sign-in was cancelled at X. Nothing was saved, and you can try again whenever you like.",
	},
	{
		id: DeniedSignedIn, kind: Denied, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "Nothing has changed",
		text: "The request was cancelled at X. You are still signed in, and everything works as before. " +
			"You can try again whenever you like.",
	},
	{
		id: NotGranted, err: provider.ErrNotGranted, status: http.StatusForbidden, level: slog.LevelError,
		title: "X did not grant the permission",
		text:  "You are signed in, but X did not grant what the page needs. The rest of the site works.",
		fix:   "check that the application may have the permission at X",
	},
	{
		id: Expired, err: provider.ErrExpired, status: http.StatusBadRequest, level: slog.LevelInfo,
		title: "This sign-in has expired",
		text:  "It took too long, or it was used already. Start again: it takes a few seconds.",
	},
	{
		id: OtherBrowser, err: provider.ErrOtherBrowser, status: http.StatusBadRequest, level: slog.LevelInfo,
		title: "This sign-in was not started in this browser", label: "Start again here",
		text: "X opened the link in another browser than the one you started in, as the X app on a phone does. " +
			"Or your browser blocks cookies, or the link is old. For your safety this sign-in is not used. " +
			"Start again in this browser.",
	},
	{
		id: NotAllowed, err: provider.ErrNotAllowed, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "This account may not sign in here",
		text:  "X confirmed your account, but this site does not accept it.",
	},
	{
		id: AccountTaken, err: client.ErrAccountTaken, status: http.StatusConflict, level: slog.LevelInfo,
		title: "This account belongs to another user",
		text:  "Another user of this site has connected this X account. Sign in as that user, or use another X account.",
	},
	{
		id: AccountRefused, err: provider.ErrAccountRefused, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "X does not allow this account to sign in",
		text:  "The account may be suspended or locked. Open X to see what X needs from you, or sign in with another account.",
	},
	{
		id: RateLimited, err: provider.ErrRateLimited, status: http.StatusServiceUnavailable, level: slog.LevelWarn, wait: time.Minute,
		title: "X asks for a pause", text: "There were too many sign-ins in a short time. Try again a little later.",
	},
	{
		id: Refused, err: provider.ErrRefused, status: http.StatusBadGateway, level: slog.LevelError,
		title: "X does not accept sign-ins from this site at the moment", text: whyInLog,
	},
	{
		id: Unavailable, err: provider.ErrUnavailable, status: http.StatusBadGateway, level: slog.LevelWarn, wait: 30 * time.Second,
		title: "X could not be reached", text: "X did not respond as it should. Your account is fine. Try again in a moment.",
	},
	{
		id: NotAPageLoad, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "Signing in needs a page",
		text:  "Open this address in the browser's window. A script cannot follow it to X.",
	},
	{
		id: UnknownScope, status: http.StatusBadRequest, level: slog.LevelInfo, label: "Sign in",
		title: "This site does not use that permission",
		text:  "The address names a permission at X that the site does not use. Nothing has changed. You can sign in without it.",
		fix:   "call RequireScopes when the program starts, and pass Handlers.AllowScopes to middleware.New",
	},
	{
		id: SignOutFailed, code: "internal", status: http.StatusServiceUnavailable, level: slog.LevelError, wait: brief,
		title: "You are still signed in", text: siteBug + ". Try again in a moment.",
	},
	{
		id: NotEverywhere, status: http.StatusBadRequest, level: slog.LevelInfo,
		title: "You are still signed in",
		text:  "The page that you came from asked for a kind of sign-out that this site does not have.",
	},
	{
		id: CrossOrigin, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "You are still signed in",
		text:  "The request seems to come from another site. To sign out, use the button on this site.",
	},
	{
		id: NotSignedIn, status: http.StatusUnauthorized, level: slog.LevelInfo, label: "Sign in",
		title: "You are not signed in", text: "Sign in to continue.",
	},
	{
		id: OpenSignIn, code: string(NotSignedIn), status: http.StatusUnauthorized, level: slog.LevelInfo, label: "Sign in",
		title: "You are not signed in", text: "Sign in to continue. X's page opens in the whole window.",
	},
	{
		id: NeedsReauth, status: http.StatusUnauthorized, level: slog.LevelInfo, label: "Sign in",
		title: "Sign in again", text: "X no longer accepts this sign-in. Sign in again.",
	},
	{
		id: InsufficientScope, status: http.StatusForbidden, level: slog.LevelInfo, label: "Continue at X",
		title: "This page needs your permission", text: "X has not granted this site the permission that the page needs.",
	},
	{
		id: Temporary, code: "internal", status: http.StatusServiceUnavailable, level: slog.LevelError, wait: brief,
		title: "This page cannot be shown at the moment",
		text:  "We can't check your session right now. You have not been signed out. Try again in a few seconds.",
	},
	{
		id: ForeignSocket, kind: CrossOrigin, status: http.StatusForbidden, level: slog.LevelInfo,
		title: "The connection was refused", text: "Another site tried to open this connection.",
	},
	{
		id: NotFound, status: http.StatusNotFound, level: slog.LevelInfo, label: "Sign in",
		title: "This page does not exist", text: "The address may be misspelt.",
	},
	{
		id: MethodNotAllowed, status: http.StatusMethodNotAllowed, level: slog.LevelInfo,
		title: "This address works in another way", text: "Go back to the site and use its links and buttons.",
	},

	// For programs that sign in by handlers.Native.
	{
		id: TokenRefused, status: http.StatusBadRequest, level: slog.LevelInfo,
		title: "X does not accept this token",
		text:  "The token has ended, or belongs to another application. Sign in at X again.",
	},
	{id: BadRequest, status: http.StatusBadRequest, level: slog.LevelInfo},
	{id: "unknown_provider", status: http.StatusBadRequest, level: slog.LevelInfo, text: "No provider has this name."},
	{id: "unsupported", status: http.StatusBadRequest, level: slog.LevelInfo, text: "This provider does not take such sign-ins here."},
	{id: "unknown_redirect_uri", status: http.StatusBadRequest, level: slog.LevelInfo, text: "The site does not know this redirect_uri."},
	{
		id: "not_native", status: http.StatusForbidden, level: slog.LevelInfo,
		text: "This address is for programs. Pages, also those in web views, sign in by the login.",
	},
	{id: "not_json", status: http.StatusUnsupportedMediaType, level: slog.LevelInfo, text: "The Content-Type must be application/json."},
	{id: "too_large", status: http.StatusRequestEntityTooLarge, level: slog.LevelInfo, text: "The body may have 16 KiB."},
}
