package xtest

import "net/http"

// oauth1Endpoint is tokenEndpoint for the endpoints that also take GET, as X does and RFC 5849 does not.
func (x *X) oauth1Endpoint(w http.ResponseWriter, r *http.Request, serve func(*http.Request) *Reply) {
	if r.Method == http.MethodGet && !x.strict() {
		x.answerToken(w, r, serve)
		return
	}
	x.tokenEndpoint(w, r, serve)
}

// strict reports whether X refuses what RFCs forbid. The caller must not hold x.mu.
func (x *X) strict() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cfg.Switches.Strict
}

// tokenEndpoint is around the endpoints that give, renew and end tokens.
func (x *X) tokenEndpoint(w http.ResponseWriter, r *http.Request, serve func(*http.Request) *Reply) {
	if r.Method == http.MethodPost {
		x.answerToken(w, r, serve)
		return
	}
	w.Header().Set("Allow", http.MethodPost)
	x.finish(w, r, coded(http.StatusMethodNotAllowed, 86, "This method requires a POST.").because("send a POST"))
}

func (x *X) answerToken(w http.ResponseWriter, r *http.Request, serve func(*http.Request) *Reply) {
	h := w.Header()
	x.setEdgeCookies(w)
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate, pre-check=0, post-check=0")
	h.Set("Pragma", "no-cache")
	rep := x.limited(w, r.URL.Path)
	if rep == nil {
		rep = x.tokenRefusal(r)
	}
	if rep == nil {
		rep = serve(r)
	}
	x.finish(w, r, rep)
}

// tokenRefusal makes the refusal of the switches where RefusePath names a token endpoint. X reports a reached spending
// cap there too.
func (x *X) tokenRefusal(r *http.Request) *Reply {
	x.mu.Lock()
	named := x.cfg.Switches.RefusePath == r.URL.Path
	x.mu.Unlock()
	if !named {
		return nil
	}
	return x.scripted(&Call{X: x, Request: r, Now: x.Now()})
}

func (x *X) limited(w http.ResponseWriter, path string) *Reply {
	x.mu.Lock()
	defer x.mu.Unlock()
	limit := x.cfg.Switches.TokenRateLimit
	if limit <= 0 {
		return nil
	}
	left, reset := x.take("token "+path, limit, quarter, x.Now())
	setLimit(w, "x-rate-limit-", limit, left, reset)
	if left < 0 {
		return coded(http.StatusTooManyRequests, 88, "Rate limit exceeded").because("wait until x-rate-limit-reset")
	}
	return nil
}
