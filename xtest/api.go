package xtest

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAPIBody bounds one request to the API.
const maxAPIBody = 32 << 20

// Call is one API request on its way to its endpoint. One goroutine uses it.
type Call struct {
	X          *X
	Request    *http.Request
	Endpoint   *Endpoint
	User       *User             // the user of the token; nil for an app-only token. A copy
	Vars       map[string]string // what the path has in place of ":id" and the like
	Query      url.Values
	Body       []byte
	PictureURL string // the URL below which pictures are served, without a slash at the end
	Now        time.Time
	Switches   APISwitches

	who    *principal
	v1     bool
	faults []paramFault
}

// isAPI reports whether serveAPI serves path: everything below /2/ except OAuth, and API 1.1 except uploads, which X has removed.
func isAPI(path string) bool {
	return strings.HasPrefix(path, "/2/") && !strings.HasPrefix(path, "/2/oauth2/") ||
		strings.HasPrefix(path, "/1.1/") && !strings.HasPrefix(path, "/1.1/media/")
}

func (x *X) serveAPI(w http.ResponseWriter, r *http.Request) {
	c := &Call{X: x, Request: r, PictureURL: x.pictureBase(r), Now: x.Now(), v1: strings.HasPrefix(r.URL.Path, "/1.1/")}
	x.mu.Lock()
	c.Switches = x.cfg.Switches.APISwitches
	x.mu.Unlock()

	if c.Switches.Refuse == RefuseAtEdge || c.Switches.Refuse == RefuseEdgeDown {
		if rep := x.scripted(c); rep != nil {
			c.write(w, rep)
			return
		}
	}
	x.apiHeaders(w)
	end, vars, known := x.findEndpoint(r.Method, r.URL.Path)
	if !known && c.v1 {
		end, known = &Endpoint{UserLimit: 75, Serve: (*Call).limitedV1}, true
	}
	if !known {
		c.write(w, NotFound().because("this simulator has no such endpoint; its front page lists those that it has"))
		return
	}
	if end == nil {
		c.write(w, flat(http.StatusMethodNotAllowed).because("the endpoint takes another method"))
		return
	}
	c.Endpoint, c.Vars = end, vars

	who, refusal := x.authenticate(r)
	if refusal != nil {
		c.untouchedWindow(w)
		c.write(w, refusal)
		return
	}
	c.who = who
	x.mu.Lock()
	c.User = who.user.copied()
	x.mu.Unlock()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		c.write(w, flat(status))
		return
	}
	c.Body = body
	c.write(w, x.answerCall(w, c))
}

// answerCall makes the checks of X that come before the endpoint, and calls the endpoint.
func (x *X) answerCall(w http.ResponseWriter, c *Call) *Reply {
	w.Header().Set("x-access-level", c.accessLevel())
	// Every call with a valid token counts, refused or not, so that the headers are true on each answer.
	spent := x.countCall(w, c)
	if rep := x.gate(c); rep != nil {
		return rep
	}
	if spent {
		return c.tooMany()
	}
	if rep := x.scripted(c); rep != nil {
		return rep
	}
	if c.User != nil && c.User.Suspended {
		name := "RefuseSuspended"
		if c.v1 {
			name = "SuspendedV1"
		}
		return c.refuse(name, "the account is suspended")
	}
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return c.Refuse("", nil, "The query string is not valid")
	}
	c.Query = query
	if !c.v1 {
		c.checkQuery()
	}
	if len(c.faults) > 0 {
		return c.Invalid()
	}
	rep := c.Endpoint.Serve(c)
	if len(c.faults) > 0 && rep.Reason == "" {
		return c.Invalid()
	}
	return rep
}

// gate checks the kind of the token and its scopes.
func (x *X) gate(c *Call) *Reply {
	switch c.who.kind {
	case kindApp:
		if c.v1 {
			return c.refuse("NoAccessV1", "API 1.1 takes user tokens of OAuth 1.0a")
		}
		if !c.Endpoint.AppOnly {
			return c.refuse("RefuseUnsupportedAuth", "the endpoint takes no app-only token: sign a user in")
		}
	case kindOAuth1:
		if c.Endpoint.Writes && c.who.readOnly {
			return c.refuse("ReadOnlyApp", "the app or the token may only read")
		}
	default:
		if c.v1 {
			// verify_credentials belongs to OAuth 1.0a; a token of OAuth 2.0 has no access to API 1.1.
			return c.refuse("NoAccessV1", "API 1.1 takes user tokens of OAuth 1.0a")
		}
		for _, s := range c.Endpoint.Scopes {
			if !c.who.scopes[s] {
				return flat(http.StatusForbidden).because("the token lacks the scope %s: ask for it at the consent page", s)
			}
		}
	}
	return nil
}

// scripted makes the refusal that the switches ask for, and counts it.
func (x *X) scripted(c *Call) *Reply {
	if c.v1 || !x.takeRefusal(c) {
		return nil
	}
	if c.Switches.Refuse == RefuseTooMany {
		return c.tooMany()
	}
	return c.refuse(c.Switches.Refuse.String(), "a switch asks for this answer")
}

// takeRefusal reports whether the switches refuse a call, and counts those that RefuseTimes limits.
func (x *X) takeRefusal(c *Call) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	sw := &x.cfg.Switches.APISwitches
	if sw.Refuse == RefuseNothing || sw.RefusePath != "" && sw.RefusePath != c.Request.URL.Path {
		return false
	}
	c.Switches = *sw
	if sw.RefuseTimes == 1 {
		sw.Refuse, sw.RefuseTimes = RefuseNothing, 0
	}
	sw.RefuseTimes = max(sw.RefuseTimes-1, 0)
	return true
}

// accessLevel is X's x-access-level: what the token may do, whatever the call does.
func (c *Call) accessLevel() string {
	if c.who.kind == kindOAuth1 && !c.who.readOnly {
		return "read-write"
	}
	for s := range c.who.scopes {
		if strings.HasSuffix(s, ".write") {
			return "read-write"
		}
	}
	return "read"
}

// apiHeaders sets the headers of every answer of X's API.
func (x *X) apiHeaders(w http.ResponseWriter) {
	w.Header().Set("x-transaction-id", random(16, "0123456789abcdef"))
	w.Header().Set("Cache-Control", "no-cache, no-store, max-age=0")
	x.setEdgeCookies(w)
}

// setEdgeCookies sets X's cookies, which break clients that share a cookie jar between users.
func (x *X) setEdgeCookies(w http.ResponseWriter) {
	w.Header().Add("Set-Cookie", "guest_id=v1%3A"+x.NewID()+"; Max-Age=63072000; Path=/; Secure; SameSite=None")
	w.Header().Add("Set-Cookie", "__cf_bm="+random(43, alphanumeric)+"; Path=/; HttpOnly; Secure; SameSite=None")
}

func (c *Call) write(w http.ResponseWriter, rep *Reply) {
	h := w.Header()
	if rep.noLimits {
		for _, name := range limitHeaders {
			h.Del(name)
		}
	}
	if c.Switches.ErrorContentType != "" && rep.Status >= 400 && strings.HasPrefix(rep.ContentType, "application/") {
		rep.ContentType = c.Switches.ErrorContentType
	}
	if rep.Status == http.StatusTooManyRequests && c.Switches.Refuse == RefuseTooMany {
		h.Set(limitHeaders[1], "0") // as X sets it when the limit is reached
	}
	c.X.finish(w, c.Request, rep)
}
