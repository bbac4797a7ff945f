package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/michimani/gotwi/tweet/managetweet"
	tweettypes "github.com/michimani/gotwi/tweet/managetweet/types"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/posttext"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xapi"
)

// maxText limits the input for a text. X weights characters, so X applies the exact limit.
const maxText = 100 << 10

// posted is a post, as -json shows it.
type posted struct {
	ID    string   `json:"id"`
	Text  string   `json:"text"`
	URL   string   `json:"url,omitempty"`
	Media []string `json:"media_ids,omitempty"`
}

// draft is a post that has not been sent. text may be - for standard input.
type draft struct {
	text    string
	files   []string
	answers []string // of a poll
}

func postText(ctx context.Context, c *call) (result, error) {
	return c.post(ctx, draft{text: c.args[0]})
}

func postPoll(ctx context.Context, c *call) (result, error) {
	return c.post(ctx, draft{text: c.args[0], answers: c.args[1:]})
}

func postImages(ctx context.Context, c *call) (result, error) {
	return c.post(ctx, draft{text: c.opt.text, files: c.args}, imageKind())
}

func postGIF(ctx context.Context, c *call) (result, error) {
	return c.post(ctx, draft{text: c.opt.text, files: c.args}, gifKind())
}

func postVideo(ctx context.Context, c *call) (result, error) {
	return c.post(ctx, draft{text: c.opt.text, files: c.args}, videoKind())
}

// post sends d, whose files must have one of the kinds. It checks everything before it sends the
// first file.
func (c *call) post(ctx context.Context, d draft, kinds ...kind) (r result, err error) {
	if err := c.checkPoll(d); err != nil {
		return result{}, err
	}
	files, err := c.openMedia(ctx, d.files, kinds...)
	defer func() { err = errors.Join(err, closeMedia(files)) }()
	if err == nil {
		err = c.checkMixture(files)
	}
	if err != nil {
		return result{}, err
	}
	text, err := c.readArg(ctx, d.text, maxText)
	if err != nil {
		return result{}, err
	}
	if text = strings.TrimSpace(text); text == "" && len(files) == 0 {
		return result{}, usagef("%s: the text is empty", c.command.name)
	}
	needed := []string{"tweet.write", "media.write"}
	if len(files) == 0 {
		needed = needed[:1]
	}
	x, err := c.api(ctx, needed...)
	if err != nil {
		return result{}, err
	}
	in := &tweettypes.CreateInput{}
	if text != "" {
		in.Text = &text
	}
	if len(d.answers) > 0 {
		minutes := int(c.opt.open / time.Minute)
		in.Poll = &tweettypes.CreateInputPoll{DurationMinutes: &minutes, Options: d.answers}
	}
	if len(files) > 0 {
		ids, err := c.uploadAll(ctx, x, files)
		if err != nil {
			return result{}, err
		}
		in.Media = &tweettypes.CreateInputMedia{MediaIDs: ids}
	}
	return c.create(ctx, x, in)
}

// X's limits for a poll.
const (
	maxAnswerText = 25
	leastOpen     = 5 * time.Minute
	mostOpen      = 7 * 24 * time.Hour
)

func (c *call) checkPoll(d draft) error {
	switch name, n := c.command.name, len(d.answers); {
	case n == 0:
		return nil
	case n < 2 || n > 4:
		return usagef("%s: a poll has two to four answers, not %d", name, n)
	case len(d.files) > 0:
		return usagef("%s: X accepts files or a poll in a post, not both", name)
	case c.opt.open < leastOpen || c.opt.open > mostOpen:
		return usagef("%s: -for is from 5m to 168h, which is a week", name)
	}
	for _, answer := range d.answers {
		if n := utf8.RuneCountInString(answer); n < 1 || n > maxAnswerText {
			return usagef("%s: the answer %q has %d characters; X takes 1 to %d", c.command.name, answer, n, maxAnswerText)
		}
	}
	return nil
}

// create sends the post.
func (c *call) create(ctx context.Context, x *api, in *tweettypes.CreateInput) (result, error) {
	if c.opt.reply != "" {
		in.Reply = &tweettypes.CreateInputReply{InReplyToTweetID: c.opt.reply}
	}
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	out, err := managetweet.Create(ctx, x.write, in)
	if err != nil {
		return result{}, fmt.Errorf("post: %w", unsure(err))
	}
	p := posted{}
	if out.Data.ID != nil {
		p.ID = *out.Data.ID
	}
	if out.Data.Text != nil {
		p.Text = posttext.Unescape(*out.Data.Text)
	}
	if in.Media != nil {
		p.Media = in.Media.MediaIDs
	}
	if c.cfg.apiURL == defaultAPIURL && p.ID != "" {
		p.URL = "https://x.com/i/status/" + p.ID
	}
	return result{document: p, write: func(w io.Writer) {
		fmt.Fprintf(w, "Posted %s as @%s\n", p.ID, x.account.username)
		if p.URL != "" {
			fmt.Fprintln(w, p.URL)
		}
	}}, nil
}

// unsure adds errUnsure to errors after which X may or may not have posted. There was no
// response, or the response reports a failure of X. After status 403, X has posted nothing.
func unsure(err error) error {
	var x *xapi.Error
	var pe *provider.Error
	switch {
	case errors.As(err, &x) && (x.Cause != "unavailable" || x.Status == http.StatusForbidden),
		// These errors occur before anything is sent.
		notConnected(err) != "",
		errors.Is(err, client.ErrReauthRequired), errors.Is(err, client.ErrUnavailable),
		errors.Is(err, client.ErrForeignHost), errors.As(err, &pe):
		return err
	}
	return errors.Join(errUnsure, err)
}

// deletedPost is a deleted post, as -json shows it.
type deletedPost struct {
	ID      string   `json:"id"`
	Deleted bool     `json:"deleted"`
	Error   *problem `json:"error,omitempty"`
}

// deletePosts deletes posts until one fails, and reports the deleted ones.
func deletePosts(ctx context.Context, c *call) (result, error) {
	for _, id := range c.args {
		if strings.Trim(id, "0123456789") != "" || id == "" {
			return result{}, usagef("delete takes ids of posts, and not %q", id)
		}
	}
	x, err := c.api(ctx, "tweet.write")
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	posts := []deletedPost{}
	for i, id := range c.args {
		if _, err = managetweet.Delete(ctx, x.write, &tweettypes.DeleteInput{ID: id}); err == nil {
			posts = append(posts, deletedPost{ID: id, Deleted: true})
			continue
		}
		err = fmt.Errorf("delete: %w", err)
		if i == 0 {
			return result{}, err
		}
		p := c.explain(err)
		posts = append(posts, deletedPost{ID: id, Error: &p})
		break
	}
	return result{document: posts, write: func(w io.Writer) {
		for _, p := range posts {
			if p.Deleted {
				fmt.Fprintf(w, "Deleted %s\n", p.ID)
			}
		}
	}}, err
}
