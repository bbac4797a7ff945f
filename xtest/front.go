package xtest

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
)

// shownRequests is how many of the last requests the page shows.
const shownRequests = 20

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
		x.changed(r)
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
	requests := x.Requests()
	slices.Reverse(requests)
	requests = slices.DeleteFunc(requests, func(q Request) bool { return q.Path == "/" || q.Path == "/favicon.ico" })
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &page{
		Kind: "front", Status: http.StatusOK, Title: "Local X simulator", App: x.cfg.AppName,
		Callbacks: append([]string(nil), x.cfg.Callbacks...),
		Requests:  requests[:min(len(requests), shownRequests)],
		Switches:  nonZero(reflect.ValueOf(x.cfg.Switches)),
		Serves:    x.serves(),
		Keys: []key{
			{"Client id of OAuth 2.0", x.cfg.ClientID}, {"Its client secret", x.cfg.ClientSecret},
			{"Client id of the public app, which has no secret", x.cfg.PublicClientID},
			{"API key of OAuth 1.0a", x.cfg.ConsumerKey}, {"Its secret", x.cfg.ConsumerSecret},
		},
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

// serves lists addresses as X documents them. x.mu must be held.
func (x *X) serves() []string {
	list := []string{
		"GET " + pathAuthorize2, "POST /2/oauth2/token", "POST /2/oauth2/revoke", "POST /oauth2/token",
		"POST /oauth/request_token", "GET " + pathAuthenticate, "GET " + pathAuthorize1, "POST /oauth/access_token",
		"POST /1.1/oauth/invalidate_token.json",
	}
	for i := range x.ext.Endpoints {
		list = append(list, x.ext.Endpoints[i].Name())
	}
	return list
}

// nonZero lists the fields of a struct that are set.
func nonZero(v reflect.Value) []string {
	var list []string
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.Struct:
			list = append(list, nonZero(f)...)
		case !f.IsZero():
			list = append(list, fmt.Sprintf("%s=%v", v.Type().Field(i).Name, f.Interface()))
		}
	}
	return list
}
