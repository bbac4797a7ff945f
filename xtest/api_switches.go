package xtest

// APISwitches choose between behaviours of X's API on which the sources are silent or disagree, and bring about failures
// that an application meets in production. The zero value is X on a good day. [Switches] embeds it.
type APISwitches struct {
	// Refuse answers API calls with one of X's refusals, whatever the call asks for. RefuseNothing, the zero value,
	// refuses nothing. The token is checked first, so that a bad one still gets its 401; the two refusals of the edge
	// come before that. The token endpoints refuse only if RefusePath names them.
	Refuse Refusal

	// RefusePath limits Refuse to calls whose path is this one, "/2/users/me" for instance. Empty means every call.
	RefusePath string

	// RefuseTimes is the number of calls that Refuse refuses; then it stops. 0 means all. So X refused good tokens from 30
	// June to 1 July 2026 (RefuseUnauthorized), and refuses one with "Unsupported Authentication" that it takes minutes
	// later (RefuseUnsupportedAuth with UnknownAuth).
	RefuseTimes int

	// ErrorContentType is the Content-Type of every JSON error of the API. Empty means as recorded: what the gateway
	// refuses is application/problem+json, what an endpoint refuses is application/json; charset=utf-8.
	ErrorContentType string

	// ProblemHost is the host in the "type" of errors. Empty means api.x.com for the types of X's OpenAPI file and
	// api.twitter.com, which recordings show, for others. Clients should look at the last path segment only.
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

	// Vocabulary chooses between the names of X's OpenAPI file (post_count, includes.posts) and those of its guides and of
	// every known client (tweet_count, includes.tweets). By default answers have both. Requests may use either.
	Vocabulary Vocabulary

	// SelfServePlan refuses what X's self-serve plans do not have: quotes, follows, and replies to authors who have not
	// mentioned or quoted the user.
	SelfServePlan bool

	// PictureStatusNotFound answers STATUS of a picture with 404 instead of 400. Both are reported.
	PictureStatusNotFound bool

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
	RefuseUsageCap                // 429 "UsageCapExceeded": the monthly cap. It is not a rate limit, whose headers are healthy
	RefuseSpendCap                // 403 "SpendCapReached": the spending cap
	RefuseSuspended               // 403 "user-suspended": X has suspended the user's account
	RefuseNotPermitted            // 403 "Your account is not permitted to perform this action."
	RefuseLocked                  // 403 code 326: X has locked the user's account for the moment
	RefuseInvalid                 // 400 "Invalid Request"
	RefuseAtEdge                  // 403 with a page of HTML by the edge (Cloudflare), before X itself
	RefuseEdgeDown                // 503 with a page of HTML by the edge
)

// Vocabulary is a set of names in answers, for [APISwitches.Vocabulary].
type Vocabulary int

// The vocabularies.
const (
	BothVocabularies Vocabulary = iota
	TweetVocabulary             // tweet_count, retweet_count, includes.tweets, edit_history_tweet_ids
	PostVocabulary              // post_count, repost_count, includes.posts, edit_history_post_ids
)

// String is the name of the constant.
func (v Vocabulary) String() string {
	names := [...]string{"BothVocabularies", "TweetVocabulary", "PostVocabulary"}
	return names[min(max(int(v), 0), len(names)-1)]
}
