package xtest

import "net/http"

// serveFront is the simulator's own page: what this is, its accounts, and what X has in its settings.
func (x *X) serveFront(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p := x.frontPage(r)
		p.FormToken = x.formToken(w, r)
		x.show(w, r, &outcome{page: p})
	case http.MethodPost:
		form, _ := bufferForm(r)
		if !x.checkForm(r, form.Get("form_token")) {
			x.show(w, r, foreignForm())
			return
		}
		if id := form.Get("revoke"); id != "" {
			x.RevokeApp(id)
		} else {
			x.setCookie(w, r, cookieAccount, "")
		}
		w.Header().Set("Cache-Control", "no-store")
		// An empty reference would do, but some clients lose it.
		w.Header().Set("Location", "./")
		w.WriteHeader(http.StatusSeeOther)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		x.finish(w, r, methodNotAllowed())
	}
}

func (x *X) frontPage(r *http.Request) *page {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &page{
		Kind: "front", Status: http.StatusOK, Title: "Local X simulator", App: x.cfg.AppName,
		Callbacks: append([]string(nil), x.cfg.Callbacks...),
	}
	connected := map[*account]bool{}
	for _, t := range x.tokens {
		if t.user != nil && x.liveToken(t) {
			connected[t.user] = true
		}
	}
	current := x.signedIn(r)
	p.SignedIn = current != nil
	for _, id := range x.order {
		a := x.users[id]
		_, approved := x.approvals[id]
		p.Accounts = append(p.Accounts, choice{
			ID: id, Name: a.Name, Username: a.Username, SignedIn: a == current, Approved: approved || connected[a],
		})
	}
	return p
}
