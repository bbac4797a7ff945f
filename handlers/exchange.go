package handlers

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// exchange is one sign-in that a provider finishes. It runs detached from the callback that
// began it: X's code is used by then, and another callback of the same browser, such as a
// reload, may need the result.
type exchange struct {
	done chan struct{} // closed when the provider has answered
	// The answer of the provider, set before done is closed.
	user  provider.User
	token tokenstore.Token
	err   error

	// turn is full while a callback saves the result. It guards all below.
	turn  chan struct{}
	ended bool // the result was saved, or could not be
	// failure is why the result could not be saved.
	failure error

	visitors int // callbacks that wait, guarded by exchanges.mu
}

// exchanges are those that run, by state.
type exchanges struct {
	mu      sync.Mutex // guards running, and visitors of each
	running map[string]*exchange
}

// enter returns the exchange of a state, with a new visitor. It starts the exchange if none
// runs and first returns true.
func (x *exchanges) enter(state string, first func() bool, run func(*exchange)) (*exchange, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.running[state]
	if e == nil {
		if !first() {
			return nil, false
		}
		e = &exchange{done: make(chan struct{}), turn: make(chan struct{}, 1)}
		if x.running == nil {
			x.running = make(map[string]*exchange)
		}
		x.running[state] = e
		go func() {
			run(e)
			close(e.done)
			x.drop(state, e)
		}()
	}
	e.visitors++
	return e, true
}

// leave removes a visitor.
func (x *exchanges) leave(state string, e *exchange) {
	x.mu.Lock()
	e.visitors--
	x.mu.Unlock()
	x.drop(state, e)
}

// drop removes an exchange that has ended and has no visitors.
func (x *exchanges) drop(state string, e *exchange) {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-e.done:
	default:
		return
	}
	if e.visitors == 0 {
		delete(x.running, state)
	}
}

// wait waits until the provider has answered and it is r's turn to save. It returns false if
// the visitor has gone.
func (e *exchange) wait(r *http.Request) bool {
	select {
	case <-e.done:
	case <-r.Context().Done():
		return false
	}
	select {
	case e.turn <- struct{}{}:
	case <-r.Context().Done():
		return false
	}
	if r.Context().Err() != nil {
		<-e.turn
		return false
	}
	return true
}

// run asks the provider.
func (h *Handlers) run(ctx context.Context, p provider.Provider, begun session.PendingSignIn, query url.Values, e *exchange) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
	defer cancel()
	e.user, e.token, e.err = p.Finish(ctx, begun.Pending, query)
}
