package provider

import (
	"context"
	"io"
	"mime"
	"net/http"
	"sync"

	"github.com/dghubble/oauth1"

	"github.com/xsignin/xsignin/tokenstore"
)

const formType = "application/x-www-form-urlencoded"

// send signs r's copy.
func (f *flow1) send(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.TokenSecret == "" {
		closeBody(r)
		return nil, f.svc.misuse("send", ReasonOther, "the token is not an OAuth 1.0a token")
	}
	if base == nil {
		base = f.svc.transport
	}
	own := r.Clone(r.Context())
	if own.Header == nil {
		own.Header = http.Header{}
	}
	own.Host = ""
	if own.Method == "" {
		own.Method = http.MethodGet
	}
	if own.URL.Path == "" && own.URL.Opaque == "" {
		// This is the path that is sent (RFC 9110, 4.2.3), so it has to be signed.
		own.URL.Path = "/"
	}
	isForm := false
	if kind, _, err := mime.ParseMediaType(own.Header.Get("Content-Type")); err == nil && kind == formType {
		// The library knows a form by exactly this.
		own.Header.Set("Content-Type", formType)
		isForm = true
	}
	var body *onceCloser
	if own.Body != nil && own.Body != http.NoBody {
		body = &onceCloser{ReadCloser: own.Body}
		own.Body = body
	}
	cfg := *f.oauth
	ctx := context.WithValue(own.Context(), oauth1.HTTPClient, &http.Client{Transport: base})
	resp, err := cfg.Client(ctx, oauth1.NewToken(t.AccessToken, t.TokenSecret)).Transport.RoundTrip(own)
	if body != nil && (isForm || err != nil) {
		// The library puts a copy in the place of a form's body, and leaves any body open
		// when it cannot sign.
		_ = body.Close()
	}
	return resp, err
}

// onceCloser closes a body once, whoever comes first.
type onceCloser struct {
	io.ReadCloser
	once sync.Once
	err  error
}

func (c *onceCloser) Close() error {
	c.once.Do(func() { c.err = c.ReadCloser.Close() })
	return c.err
}
