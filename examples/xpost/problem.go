package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xapi"
)

// problem is an error with its explanation.
type problem struct {
	// Code is for programs.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Status is the status of X's response, if there was one.
	Status int `json:"status,omitempty"`
	// RetryAt is the time to try again, if it is known.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Said is X's own text.
	Said string `json:"x_says,omitempty"`
}

func (p problem) text() string {
	s := p.Message
	if p.Said != "" {
		s += "\nX says: " + p.Said
	}
	if !p.RetryAt.IsZero() {
		s += "\ntry again from " + p.RetryAt.Local().Format("15:04:05")
	}
	return s
}

var (
	// errUnsure: a request was sent to X, and its result is unknown.
	errUnsure = errors.New("no answer came from X, so the request may or may not have been executed: run xpost timeline -user me before you try again")
	// errNotPosted: the command was stopped before it asked X to post.
	errNotPosted = errors.New("stopped; nothing was posted")
)

func (c *call) explain(err error) problem { return explain(err, c.opt) }

// explain returns the problem for err.
func explain(err error, opt options) problem {
	login := "xpost login"
	if opt.oauth1 {
		login = "xpost -oauth1 login"
	}
	var (
		wrong   *usageError
		faults  *configError
		nobody  *notSignedIn
		unknown *tokenstore.UnknownKeyError
		pe      *provider.Error
		x       *xapi.Error
		file    *fileError
		scopes  *lacks
		broken  *url.Error
		path    *fs.PathError
	)
	switch {
	case errors.As(err, &wrong):
		return problem{Code: "usage", Message: wrong.text}
	case errors.As(err, &faults):
		return problem{Code: "configuration", Message: faults.Error()}
	case notConnected(err) != "":
		return problem{Code: "offline", Message: notConnected(err)}
	case errors.Is(err, errUnsure):
		return problem{Code: "unsure", Message: errUnsure.Error()}
	case errors.Is(err, errNotPosted):
		return problem{Code: "stopped", Message: errNotPosted.Error()}
	case errors.Is(err, context.Canceled):
		return problem{Code: "stopped", Message: "stopped"}
	case errors.As(err, &scopes):
		return problem{Code: "missing_scope", Message: scopes.Error()}
	case errors.As(err, &nobody):
		return problem{Code: "not_signed_in", Message: nobody.text}
	case errors.As(err, &unknown):
		return problem{Code: "key_missing", Message: "the token is sealed with the secret of id " + unknown.ID + ", which is not in the key file beside the database: " +
			"add it there on a separate line, or run " + login + " for a new token. Nothing was deleted"}
	case errors.Is(err, tokenstore.ErrUnreadable):
		return problem{Code: "damaged", Message: "the stored token is damaged: run " + login}
	case errors.Is(err, client.ErrNotRefreshable):
		return problem{Code: "not_refreshable", Message: "this token cannot be refreshed: OAuth 1.0a tokens do not expire, and OAuth 2.0 tokens need the scope offline.access"}
	case errors.Is(err, client.ErrForeignHost):
		return problem{Code: "foreign_host", Message: "the address does not belong to X's API, so nothing was sent there"}
	case errors.Is(err, client.ErrReauthRequired):
		return problem{Code: "sign_in_again", Message: "X no longer accepts this sign-in: run " + login}
	case errors.As(err, &x):
		p := explainRefusal(x, login)
		if errors.As(err, &file) {
			p.Message = file.name + ": " + p.Message
		}
		return p
	case errors.As(err, &pe):
		return explainSignIn(pe, login)
	case errors.Is(err, client.ErrUnavailable):
		return problem{Code: "unavailable", Message: "no valid token is available at the moment, because X or the file does not answer: try again later"}
	case errors.Is(err, context.DeadlineExceeded):
		return problem{Code: "unavailable", Message: "X took too long: try again later"}
	case errors.As(err, &broken):
		return problem{Code: "unavailable", Message: "the connection to X broke off: try again later"}
	case errors.As(err, &path):
		return problem{Code: "file", Message: err.Error()}
	}
	return problem{Code: "failed", Message: err.Error()}
}

// explainSignIn is for errors of the kit's providers, whose texts contain no secret.
func explainSignIn(e *provider.Error, login string) problem {
	p := problem{Code: "sign_in", Status: e.Status, RetryAt: e.RetryAt}
	switch e.Kind {
	case provider.ErrDenied:
		p.Code, p.Message = "denied", "the sign-in was declined at X"
	case provider.ErrOtherBrowser:
		p.Code, p.Message = "other_sign_in", "this address belongs to another sign-in: open the address that xpost link printed last, and paste the address at its end"
	case provider.ErrAccountRefused:
		p.Code, p.Message = "account_refused", "X has suspended, locked or restricted the account: open X to see what it asks for"
	case provider.ErrExpired:
		p.Code, p.Message = "expired", "the PIN or code is wrong, too old or used already: run "+login+" again, or xpost link"
	case provider.ErrRateLimited:
		p.Code, p.Message = "rate_limited", "the rate limit of X is reached"
	case provider.ErrTokenRefused:
		p.Code, p.Message = "sign_in_again", "X no longer accepts this sign-in: run "+login
	case provider.ErrRefused:
		p.Code, p.Message = "refused", "X refuses the application: "+e.Error()
	case provider.ErrUnavailable:
		p.Code, p.Message = "unavailable", "X does not answer as expected; try again later: "+e.Error()
	default:
		p.Message = e.Error()
	}
	return p
}

// notConnected returns why there was no connection to X, or "" for other errors. In this case
// nothing was sent.
func notConnected(err error) string {
	var name *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("there is no connection to X: %s has no address. Is this machine online?", name.Name)
	case errors.As(err, &op) && op.Op == "dial" && op.Addr != nil:
		return fmt.Sprintf("there is no connection to X at %s: %v", op.Addr, errors.Unwrap(op))
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "there is no connection to the proxy that the environment names"
	}
	return ""
}

// explainRefusal is for refusals of X's API.
func explainRefusal(e *xapi.Error, login string) problem {
	p := problem{Code: e.Cause, Status: e.Status, RetryAt: e.RetryAt, Said: e.Detail}
	switch e.Cause {
	case "no_credits":
		p.Message = "the application has reached its limit at X: see its credits at console.x.com"
	case "rate_limited":
		p.Message = "the rate limit of X is reached: there have been too many of these calls"
	case "unauthorized":
		// The kit has refreshed the token and tried again before it returns a 401.
		p.Message = "X does not accept this sign-in at the moment. If trying again does not help, run " + login
	case "account_refused":
		p.Message = "X has suspended, locked or restricted the account: open X to see what it asks for"
	case "duplicate":
		p.Message = "this was posted already, and X does not accept the same text twice: change a word"
	case "read_only":
		p.Message = "the application may only read by OAuth 1.0a: change its permission at console.x.com and sign in again, or sign in by OAuth 2.0"
	case "no_access":
		p.Message = "the application's plan or project at X does not include this call, or X has suspended the application: see console.x.com"
	case "forbidden":
		p.Message = "X does not allow this: the sign-in may lack a scope"
	case "not_found":
		p.Message = "X did not find this"
	case "too_large":
		p.Message = "this is too large for X"
	case "unavailable":
		p.Message = fmt.Sprintf("X has an internal error (status %d): try again later", e.Status)
		if e.Status < http.StatusInternalServerError {
			p.Message = fmt.Sprintf("X refused this for the moment (status %d): try again later", e.Status)
		}
	default:
		p.Message = fmt.Sprintf("X did not accept this (status %d)", e.Status)
	}
	if e.Code == "processing_failed" {
		p.Code, p.Message, p.Status, p.Said = e.Code, "X cannot process the file: "+e.Detail, 0, ""
	}
	return p
}
