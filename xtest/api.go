package xtest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAPIBody bounds one request to the API. Media go up in segments; X's own clients send at most 5 MB in each.
const maxAPIBody = 32 << 20

// call is one API request on its way to its endpoint.
type call struct {
	r     *http.Request
	who   *principal
	end   *endpoint
	v1    bool
	vars  map[string]string // what stands in the path for ":id" and the like
	query url.Values
	body  []byte
	base  string // of the URLs of pictures
	now   time.Time
	sw    APISwitches
	bad   []badParam
}

// serveAPI answers everything below /2/ that is not OAuth, and verify_credentials of API 1.1.
func (x *X) serveAPI(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, base: x.pictureBase(r), now: x.now(), v1: strings.HasPrefix(r.URL.Path, "/1.1/")}
	x.mu.Lock()
	c.sw = x.cfg.Switches.APISwitches
	x.seedDemo(c.now)
	x.mu.Unlock()

	if c.sw.refuses(r.URL.Path) {
		switch c.sw.Refuse {
		case RefuseAtEdge:
			c.write(w, edgePage(http.StatusForbidden, "Attention Required! | Cloudflare", "Sorry, you have been blocked"))
			return
		case RefuseEdgeDown:
			c.write(w, edgePage(http.StatusServiceUnavailable, "Service Unavailable | Cloudflare", "The service is not available"))
			return
		}
	}
	x.apiHeaders(w, c.now)
	end, vars, known := findEndpoint(r.Method, r.URL.Path)
	if !known {
		c.write(w, apiNotFound())
		return
	}
	if end == nil {
		c.write(w, methodNotAllowed())
		return
	}
	c.end, c.vars = end, vars

	who, refusal := x.authenticate(r)
	if refusal != nil {
		c.untouchedWindow(w)
		c.write(w, &reply{status: refusal.status, contentType: refusal.contentType, body: []byte(refusal.body)})
		return
	}
	c.who = who
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		c.write(w, flat(status))
		return
	}
	c.body = body

	x.mu.Lock()
	rep := x.answerCall(w, c)
	x.mu.Unlock()
	c.write(w, rep)
}

// answerCall goes through what X checks before and in an endpoint. It holds mu.
func (x *X) answerCall(w http.ResponseWriter, c *call) *reply {
	w.Header().Set("x-access-level", c.accessLevel())
	// Everything whose sender is known counts, refused or not, so that the headers are true on each answer.
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
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return c.refused("", nil, "The query string is not valid")
	}
	c.query = query
	if !c.v1 {
		c.checkQuery()
	}
	if len(c.bad) > 0 {
		return c.invalid()
	}
	rep := c.end.serve(x, c)
	if len(c.bad) > 0 {
		return c.invalid()
	}
	return rep
}

// gate is what the kind of the token and its scopes allow.
func (x *X) gate(c *call) *reply {
	switch c.who.kind {
	case "app":
		if c.v1 {
			return v1Error(http.StatusForbidden, 220, "Your credentials do not allow access to this resource.")
		}
		if !c.end.appOnly {
			return c.unsupportedAuth()
		}
	case "oauth1":
		if c.end.writes && c.who.readOnly {
			return c.readOnlyApp()
		}
	default:
		if c.v1 {
			// verify_credentials belongs to OAuth 1.0a; a token of OAuth 2.0 has no access to API 1.1.
			return v1Error(http.StatusForbidden, 220, "Your credentials do not allow access to this resource.")
		}
		for _, s := range c.end.scopes {
			if !c.who.scopes[s] {
				return apiForbidden()
			}
		}
	}
	return nil
}

// scripted is what the switches bring about although the call is in order.
func (x *X) scripted(c *call) *reply {
	if sw := &x.cfg.Switches.APISwitches; c.end.pattern == pathMe && sw.MeOutage != 0 {
		if sw.MeOutage > 0 {
			sw.MeOutage--
		}
		switch s := sw.MeOutageStatus; s {
		case 0, http.StatusUnauthorized:
			return apiUnauthorized()
		default:
			return edgePage(s, http.StatusText(s), "X is not available")
		}
	}
	if c.v1 || !c.sw.refuses(c.r.URL.Path) {
		return nil
	}
	switch c.sw.Refuse {
	case RefuseUnauthorized:
		return apiUnauthorized()
	case RefuseForbidden:
		return apiForbidden()
	case RefuseUnsupportedAuth:
		return c.unsupportedAuth()
	case RefuseNotEnrolled:
		return c.notEnrolled()
	case RefuseNoCredits:
		return c.noCredits()
	case RefuseTooMany:
		return c.tooMany()
	case RefuseUsageCap:
		return c.usageCap()
	case RefuseInvalid:
		return c.invalid()
	}
	return nil
}

func (s *APISwitches) refuses(path string) bool {
	return s.Refuse != RefuseNothing && (s.RefusePath == "" || s.RefusePath == path)
}

// accessLevel is what X tells in x-access-level: what the token may do, whatever the call does.
func (c *call) accessLevel() string {
	if c.who.kind == "oauth1" && !c.who.readOnly {
		return "read-write"
	}
	for s := range c.who.scopes {
		if strings.HasSuffix(s, ".write") {
			return "read-write"
		}
	}
	return "read"
}

// apiHeaders are those of every answer of X's API, whatever it says. The cookies are there because they break clients
// that share a cookie jar between users.
func (x *X) apiHeaders(w http.ResponseWriter, now time.Time) {
	h := w.Header()
	id := make([]byte, 24)
	_, _ = rand.Read(id)
	h.Set("x-transaction-id", hex.EncodeToString(id[:8]))
	h.Set("Cache-Control", "no-cache, no-store, max-age=0")
	h.Add("Set-Cookie", "guest_id=v1%3A"+strconv.FormatInt(now.UnixMilli(), 10)+
		"; Max-Age=34214400; Path=/; Secure; SameSite=None")
	h.Add("Set-Cookie", "__cf_bm="+hex.EncodeToString(id[8:])+"; Path=/; HttpOnly; Secure; SameSite=None")
}

func (c *call) write(w http.ResponseWriter, rep *reply) {
	h := w.Header()
	if rep.noLimits {
		for _, name := range limitHeaders {
			h.Del(name)
		}
	}
	if c.sw.ErrorContentType != "" && rep.status >= 400 && isJSON(rep.contentType) {
		rep.contentType = c.sw.ErrorContentType
	}
	if rep.contentType != "" {
		h.Set("Content-Type", rep.contentType)
	}
	if rep.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(rep.body)))
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body)
}

func isJSON(contentType string) bool {
	return strings.HasPrefix(contentType, "application/json") || strings.HasPrefix(contentType, typeProblem)
}
