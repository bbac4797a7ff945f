package xtest

import (
	"fmt"
	"net/http"
	"time"
)

const limitWindow = 15 * time.Minute

// window counts the requests to one token endpoint.
type window struct {
	n     int
	reset time.Time
}

// tokenEndpoint is around the endpoints that give, renew and end tokens. An answer without a status is one that the
// client never gets.
func (x *X) tokenEndpoint(w http.ResponseWriter, r *http.Request, serve func(*http.Request) *answer) {
	h := w.Header()
	// A client that keeps cookies between users would share these; X sets them on every answer.
	h.Add("Set-Cookie", "guest_id=v1%3A"+x.NewID()+"; Max-Age=63072000; Path=/; Secure; SameSite=None")
	h.Add("Set-Cookie", "__cf_bm="+random(43, alphanumeric)+"; Path=/; HttpOnly; Secure")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate, pre-check=0, post-check=0")
	h.Set("Pragma", "no-cache")
	if r.Method != http.MethodPost {
		h.Set("Allow", http.MethodPost)
		(&answer{http.StatusMethodNotAllowed, typeJSON, `{"errors":[{"code":86,"message":"This method requires a POST."}]}`}).write(w)
		return
	}
	if p := x.limited(h, r.URL.Path); p != nil {
		p.write(w)
		return
	}
	a := serve(r)
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

func (x *X) limited(h http.Header, path string) *problem {
	x.mu.Lock()
	defer x.mu.Unlock()
	limit := x.cfg.Switches.TokenRateLimit
	if limit <= 0 {
		return nil
	}
	now := x.Now()
	win := x.limits[path]
	if win == nil || !now.Before(win.reset) {
		win = &window{reset: now.Add(limitWindow)}
		x.limits[path] = win
	}
	win.n++
	h.Set("x-rate-limit-limit", fmt.Sprint(limit))
	h.Set("x-rate-limit-remaining", fmt.Sprint(max(limit-win.n, 0)))
	h.Set("x-rate-limit-reset", fmt.Sprint(win.reset.Unix()))
	if win.n > limit {
		return coded(http.StatusTooManyRequests, 88, "Rate limit exceeded")
	}
	return nil
}

// explain tells the log why something was refused; X itself is tight-lipped.
func (x *X) explain(reason string, args ...any) {
	x.cfg.Logger.Info("xtest: refused: "+reason, args...)
}
