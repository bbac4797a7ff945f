package provider

import (
	"net/http"
)

// verdict is what an answer means for the caller.
type verdict struct {
	kind   error
	reason Reason
}

func refused(r Reason) verdict { return verdict{ErrRefused, r} }

// judge weighs the answer of c, whose body is f, where its status does not decide.
type classifier func(c *call, f fault) verdict

var (
	expired      = verdict{kind: ErrExpired}
	tokenRefused = verdict{kind: ErrTokenRefused}
	unavailable  = verdict{kind: ErrUnavailable}
)

// failure makes the error for a call that did not succeed. The status decides first,
// where it means the same at every endpoint; weigh decides the rest, and is given no
// pages.
func (c *call) failure(weigh classifier) *Error {
	if c.answer == nil || c.err != nil {
		if c.answer != nil && c.answer.status == http.StatusTooManyRequests {
			return c.limited("", "")
		}
		return c.unreached()
	}
	f := parseFault(c.answer.body)
	status := c.answer.status
	code := codeText(f.code(), c.hidden())
	var v verdict
	switch {
	case status == http.StatusTooManyRequests || f.has("88"):
		return c.limited(code, f.text())
	case status >= 300 && status <= 399:
		return c.unusable("the answer is a redirect, which is not followed: check the configured addresses")
	case status >= 500, status == http.StatusRequestTimeout, f.form == formHTML:
		v = unavailable
	case status == http.StatusPaymentRequired, f.has("credits", "usage-capped"):
		v = refused(ReasonCredits)
	default:
		v = weigh(c, f)
	}
	if v.kind == ErrRateLimited { //nolint:errorlint // a verdict's kind is never wrapped
		return c.limited(code, f.text())
	}
	e := c.fail(v.kind, f.text())
	e.Reason, e.Code = v.reason, code
	return e
}

func (c *call) limited(code, text string) *Error {
	e := c.fail(ErrRateLimited, text)
	e.Code = code
	e.RetryAt = retryAt(c.answer.header, c.svc.now())
	return e
}

// access reports whether f says that the application's plan, project or permissions
// do not cover the call: by problem documents, or by X's numbers for a suspended
// application (416), limited access (453), an application's token (220) and a
// read-only application (261).
func (f fault) access() bool {
	return f.has("client-forbidden", "client-not-enrolled", "unsupported-authentication", "oauth1-permissions",
		"416", "453", "220", "261")
}
