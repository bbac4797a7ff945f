package xtest

// APISwitches choose between behaviours of X's API on which the sources are silent or disagree, and bring about failures
// that an application meets in production. The zero value is X on a good day. [Switches] embeds it.
type APISwitches struct {
	// Refuse answers API calls with one of X's refusals, whatever the call asks for. RefuseNothing, the zero value,
	// refuses nothing. The token is looked at first, so that a bad one still gets its 401; the two refusals of the edge
	// come before even that.
	Refuse Refusal

	// RefusePath limits Refuse to calls whose path is this one, "/2/users/me" for instance. Empty means every call.
	RefusePath string

	// MeOutage is the number of calls to GET /2/users/me that fail although their token is good, as X's did from 30 June to
	// 1 July 2026. Each such call takes one off. Negative: until it is set again.
	MeOutage int

	// MeOutageStatus is the status of calls that fall to MeOutage: 401 with X's ordinary body, the default, or 503 and the
	// like with a page of HTML.
	MeOutageStatus int

	// ErrorContentType is the Content-Type of every JSON error of the API. Empty means as recorded: what the gateway
	// refuses is application/problem+json, what an endpoint refuses is application/json; charset=utf-8.
	ErrorContentType string

	// ProblemHost is the host in the "type" of errors. Empty means api.twitter.com, which recordings show; X's
	// documentation says api.x.com. Clients should look at the last path segment only.
	ProblemHost string

	// UnknownAuth makes the refusal of a token of the wrong kind say "with Unknown" instead of "with OAuth 2.0
	// Application-Only". Both have been recorded.
	UnknownAuth bool

	// LegacyRateLimitBody makes 429 answers carry the body that X documents ({"errors":[{"code":88,...}]}) instead of the
	// one that it sends.
	LegacyRateLimitBody bool

	// DailyLimit is how often a user may call each endpoint in 24 hours. It also brings out the x-user-limit-24hour-* and
	// x-app-limit-24hour-* headers. Zero means no such limit and no such headers; 25 was seen on X's old Free tier.
	DailyLimit int

	// NoEmailPermission turns the app setting "Request email from users" off. It is on by default.
	NoEmailPermission bool

	// RefuseEmail makes GET /2/users/me answer 403 as a whole when confirmed_email is asked for without the scope
	// users.email or the app setting. By default the key is missing from an answer that is otherwise good.
	RefuseEmail bool

	// NoVerifyCredentials makes GET /1.1/account/verify_credentials.json answer 403 with code 453, as X does to apps on
	// limited access.
	NoVerifyCredentials bool

	// PostVocabulary makes answers use the names of X's OpenAPI file (edit_history_post_ids) in place of those that the
	// guides and every known client use (edit_history_tweet_ids). Requests may use either at any time.
	PostVocabulary bool

	// MediaFails makes the processing of videos and GIFs end in the state "failed".
	MediaFails bool
}

// Refusal is a refusal of X's API, for [APISwitches.Refuse].
type Refusal int

// The refusals, with the status that each answers.
const (
	RefuseNothing         Refusal = iota
	RefuseUnauthorized            // 401, as for a bad token
	RefuseForbidden               // 403, as for a missing scope
	RefuseUnsupportedAuth         // 403 "Unsupported Authentication", as for an app-only token
	RefuseNotEnrolled             // 403 "client-not-enrolled": the app belongs to no project
	RefuseNoCredits               // 402 "CreditsDepleted": the developer's account is empty
	RefuseTooMany                 // 429, as for a spent window
	RefuseUsageCap                // 429 "UsageCapExceeded": the monthly cap or the spending limit
	RefuseInvalid                 // 400 "Invalid Request"
	RefuseAtEdge                  // 403 with a page of HTML by the edge (Cloudflare), before X itself
	RefuseEdgeDown                // 503 with a page of HTML by the edge
)
