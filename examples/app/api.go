package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"
	"github.com/michimani/gotwi"
	"github.com/michimani/gotwi/tweet/managetweet"
	tweettypes "github.com/michimani/gotwi/tweet/managetweet/types"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xapi"
)

// api calls X as the user of one request. It reads with go-twitter, posts with gotwi, and
// uploads with package xapi. go-twitter cannot upload, and its CreateTweet panics on a poll that
// is not a reply. All use the kit's *http.Client, which signs and refreshes.
type api struct {
	user  *http.Client
	read  *twitter.Client
	write *gotwi.Client
}

const (
	readTimeout  = 15 * time.Second
	writeTimeout = time.Minute
)

// api returns the API for the user in ctx. Without a user, every call fails with
// client.ErrNoUser.
func (a *app) api(ctx context.Context) (*api, error) {
	if u, ok := xsignin.User(ctx); ok && a.cfg.forgotten(u) {
		return nil, errForgotten
	}
	user := xsignin.Client(ctx)
	c := xapi.Client(user)
	write, err := gotwi.NewClientWithAccessToken(&gotwi.NewClientWithAccessTokenInput{
		HTTPClient: c,
		// gotwi requires a token. The kit's client replaces it by the user's.
		AccessToken: "set by the kit",
	})
	if err != nil {
		return nil, err
	}
	return &api{user, &twitter.Client{Authorizer: byTheKit{}, Client: c, Host: a.cfg.apiURL}, write}, nil
}

// byTheKit leaves authorization to the kit's client.
type byTheKit struct{}

func (byTheKit) Add(*http.Request) {}

// pageSize is small: X charges for each post that it returns.
const pageSize = 20

var (
	postExpansions = []twitter.Expansion{
		twitter.ExpansionAuthorID, twitter.ExpansionAttachmentsMediaKeys, twitter.ExpansionAttachmentsPollIDs,
	}
	postFields = []twitter.TweetField{
		twitter.TweetFieldAuthorID, twitter.TweetFieldCreatedAt, twitter.TweetFieldAttachments,
	}
	userFields = []twitter.UserField{
		twitter.UserFieldProfileImageURL, twitter.UserFieldDescription, twitter.UserFieldVerified,
	}
	mediaFields = []twitter.MediaField{
		twitter.MediaFieldType, twitter.MediaFieldURL, twitter.MediaFieldPreviewImageURL,
		twitter.MediaFieldAltText, twitter.MediaFieldWidth, twitter.MediaFieldHeight,
	}
	pollFields = []twitter.PollField{twitter.PollFieldEndDateTime, twitter.PollFieldVotingStatus}
)

// list is a page of posts or people, with X's data for further pages.
type list struct {
	posts *twitter.TweetRaw
	users []*twitter.UserObj
	next  string
	limit *twitter.RateLimit
}

func (x *api) timeline(ctx context.Context, userID, page string) (list, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	resp, err := x.read.UserTweetReverseChronologicalTimeline(ctx, userID, twitter.UserTweetReverseChronologicalTimelineOpts{
		Expansions: postExpansions, TweetFields: postFields, UserFields: userFields,
		MediaFields: mediaFields, PollFields: pollFields, MaxResults: pageSize, PaginationToken: page,
	})
	if err != nil {
		return list{}, fmt.Errorf("timeline: %w", err)
	}
	return list{posts: resp.Raw, next: resp.Meta.NextToken, limit: resp.RateLimit}, nil
}

func (x *api) posts(ctx context.Context, userID, page string) (list, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	resp, err := x.read.UserTweetTimeline(ctx, userID, twitter.UserTweetTimelineOpts{
		Expansions: postExpansions, TweetFields: postFields, UserFields: userFields,
		MediaFields: mediaFields, PollFields: pollFields, MaxResults: pageSize, PaginationToken: page,
	})
	if err != nil {
		return list{}, fmt.Errorf("posts: %w", err)
	}
	return list{posts: resp.Raw, next: resp.Meta.NextToken, limit: resp.RateLimit}, nil
}

func (x *api) followers(ctx context.Context, userID, page string) (list, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	resp, err := x.read.UserFollowersLookup(ctx, userID, twitter.UserFollowersLookupOpts{
		UserFields: userFields, MaxResults: pageSize, PaginationToken: page,
	})
	if err != nil {
		return list{}, fmt.Errorf("followers: %w", err)
	}
	return list{users: resp.Raw.Users, next: resp.Meta.NextToken, limit: resp.RateLimit}, nil
}

// draft is a post that has not been sent. It has a picture, a poll, or neither.
type draft struct {
	text      string
	picture   []byte
	mediaType string // of picture
	altText   string
	options   []string
	minutes   int // how long the poll runs
}

// publish uploads the picture, if there is one, and posts.
func (x *api) publish(ctx context.Context, d draft) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	in := &tweettypes.CreateInput{}
	if d.text != "" {
		in.Text = &d.text
	}
	if len(d.options) > 0 {
		in.Poll = &tweettypes.CreateInputPoll{DurationMinutes: &d.minutes, Options: d.options}
	}
	if len(d.picture) > 0 {
		id, err := xapi.Upload(ctx, x.user, xapi.Media{
			Content: bytes.NewReader(d.picture), Size: int64(len(d.picture)), Type: d.mediaType, AltText: d.altText,
		})
		if err != nil {
			return err
		}
		in.Media = &tweettypes.CreateInputMedia{MediaIDs: []string{id}}
	}
	if _, err := managetweet.Create(ctx, x.write, in); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}
