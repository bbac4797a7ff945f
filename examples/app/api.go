package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"
	"github.com/michimani/gotwi"
	"github.com/michimani/gotwi/media/upload"
	uploadtypes "github.com/michimani/gotwi/media/upload/types"
	"github.com/michimani/gotwi/resources"
	"github.com/michimani/gotwi/tweet/managetweet"
	tweettypes "github.com/michimani/gotwi/tweet/managetweet/types"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/answers"
)

// api asks X as the user of one request. It reads with go-twitter, and posts and uploads
// with gotwi: go-twitter has no upload, and its CreateTweet panics on a poll that is no
// reply. Both use the kit's *http.Client, which does the signing and the refreshing.
type api struct {
	read  *twitter.Client
	write *gotwi.Client
}

const (
	readTimeout  = 15 * time.Second
	writeTimeout = time.Minute
)

// api returns the API as seen by the user in ctx; where there is none, every call fails
// with client.ErrNoUser.
func (a *app) api(ctx context.Context) (*api, error) {
	if u, ok := xsignin.User(ctx); ok && a.cfg.forgotten(u) {
		return nil, errForgotten
	}
	c := *xsignin.Client(ctx)
	c.Transport = &answers.Transport{Base: cmp.Or(c.Transport, http.DefaultTransport), API: a.apiURL}
	write, err := gotwi.NewClientWithAccessToken(&gotwi.NewClientWithAccessTokenInput{
		HTTPClient: &c,
		// gotwi wants a token. The kit's client puts the user's in its place.
		AccessToken: "set by the kit",
	})
	if err != nil {
		return nil, err
	}
	return &api{
		read:  &twitter.Client{Authorizer: byTheKit{}, Client: &c, Host: a.cfg.apiURL},
		write: write,
	}, nil
}

// byTheKit leaves authorization to the client.
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

// list is a page of posts or people, with what X says about going on.
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

// draft is a post that is not yet one. It has a picture or a poll or neither.
type draft struct {
	text      string
	picture   []byte
	mediaType string // of picture
	altText   string
	options   []string
	minutes   int // how long the poll is open
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
		id, err := x.upload(ctx, d)
		if err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		in.Media = &tweettypes.CreateInputMedia{MediaIDs: []string{id}}
	}
	if _, err := managetweet.Create(ctx, x.write, in); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// segmentSize is how much of a picture goes into one request.
const segmentSize = 1 << 20

func (x *api) upload(ctx context.Context, d draft) (id string, err error) {
	begun, err := upload.Initialize(ctx, x.write, &uploadtypes.InitializeInput{
		MediaCategory: uploadtypes.MediaCategoryTweetImage,
		MediaType:     uploadtypes.MediaType(d.mediaType),
		TotalBytes:    len(d.picture),
	})
	if err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	id = begun.Data.MediaID
	if id == "" {
		return "", errNoMediaID
	}
	for i := 0; i*segmentSize < len(d.picture); i++ {
		segment := d.picture[i*segmentSize : min((i+1)*segmentSize, len(d.picture))]
		if _, err := upload.Append(ctx, x.write, &uploadtypes.AppendInput{
			MediaID: id, Media: bytes.NewReader(segment), SegmentIndex: i,
		}); err != nil {
			return "", fmt.Errorf("append segment %d: %w", i, err)
		}
	}
	done, err := upload.Finalize(ctx, x.write, &uploadtypes.FinalizeInput{MediaID: id})
	if err != nil {
		return "", fmt.Errorf("finalize: %w", err)
	}
	// X processes films and GIFs after the upload; pictures are ready at once.
	if done.Data.ProcessingInfo.State == resources.ProcessingInfoStateFailed {
		return "", errPictureFailed
	}
	if d.altText == "" {
		return id, nil
	}
	var described mediaDescribed
	if err := x.write.CallAPI(ctx, metadataEndpoint, http.MethodPost, &mediaDescription{ID: id, altText: d.altText}, &described); err != nil {
		return "", fmt.Errorf("alt text: %w", err)
	}
	return id, nil
}

var (
	errNoMediaID     = errors.New("the upload got no id from X")
	errPictureFailed = errors.New("the picture could not be processed by X")
)

const metadataEndpoint = "https://api.x.com/2/media/metadata"

// mediaDescription is the input of POST /2/media/metadata in the form that gotwi's CallAPI
// takes; gotwi has no function for this endpoint.
type mediaDescription struct {
	ID      string
	altText string
	token   string
}

// Body implements gotwi's Parameters, as do the other methods.
func (m *mediaDescription) Body() (io.Reader, error) {
	type alt struct {
		Text string `json:"text"`
	}
	type metadata struct {
		AltText alt `json:"alt_text"`
	}
	b, err := json.Marshal(struct {
		ID       string   `json:"id"`
		Metadata metadata `json:"metadata"`
	}{m.ID, metadata{alt{m.altText}}})
	return bytes.NewReader(b), err
}

func (m *mediaDescription) SetAccessToken(token string)        { m.token = token }
func (m *mediaDescription) AccessToken() string                { return m.token }
func (m *mediaDescription) ResolveEndpoint(base string) string { return base }
func (m *mediaDescription) ParameterMap() map[string]string    { return nil }

// mediaDescribed is the answer, of which nothing is needed.
type mediaDescribed struct{}

func (*mediaDescribed) HasPartialError() bool { return false }
