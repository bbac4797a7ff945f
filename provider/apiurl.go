package provider

import "net/url"

// APILocator is a provider with one address for its API. Package client completes
// relative URLs, such as /2/users/me, with that address.
type APILocator interface {
	// APIURL returns the address of the provider's API. The caller owns the URL.
	APIURL() *url.URL
}

// APIURL implements [APILocator].
func (x *X) APIURL() *url.URL { return x.svc.apiURL() }

// APIURL implements [APILocator].
func (x *XOAuth1) APIURL() *url.URL { return x.svc.apiURL() }

// APIURL implements [APILocator].
func (o *OAuth2) APIURL() *url.URL { return o.svc.apiURL() }

// APIURL implements [APILocator].
func (o *OAuth1) APIURL() *url.URL { return o.svc.apiURL() }

func (s *service) apiURL() *url.URL {
	u := *s.api
	return &u
}
