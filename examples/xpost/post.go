package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/michimani/gotwi/tweet/managetweet"
	tweettypes "github.com/michimani/gotwi/tweet/managetweet/types"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/answers"
	"github.com/xsignin/xsignin/examples/internal/posttext"
	"github.com/xsignin/xsignin/provider"
)

// maxText bounds what is read for a text. X counts characters by weight, so the exact limit
// is for X to tell.
const maxText = 100 << 10

// posted is a post as -json shows it.
type posted struct {
	ID    string   `json:"id"`
	Text  string   `json:"text"`
	URL   string   `json:"url,omitempty"`
	Media []string `json:"media_ids,omitempty"`
}

func postText(ctx context.Context, c *call) (result, error) {
	text, err := c.readArg(ctx, c.args[0], maxText)
	if err != nil {
		return result{}, err
	}
	if text = strings.TrimSpace(text); text == "" {
		return result{}, usagef("text: the TEXT is empty")
	}
	x, err := c.api(ctx, "tweet.write")
	if err != nil {
		return result{}, err
	}
	return c.create(ctx, x, &tweettypes.CreateInput{Text: &text})
}

// X's limits of a poll.
const (
	maxAnswerText = 25
	leastOpen     = 5 * time.Minute
	mostOpen      = 7 * 24 * time.Hour
)

func postPoll(ctx context.Context, c *call) (result, error) {
	minutes := int(c.opt.open / time.Minute)
	if c.opt.open < leastOpen || c.opt.open > mostOpen {
		return result{}, usagef("poll: -for is from 5m to 168h, which is a week")
	}
	for _, answer := range c.args[1:] {
		if n := utf8.RuneCountInString(answer); n < 1 || n > maxAnswerText {
			return result{}, usagef("poll: the answer %q has %d characters; X takes 1 to %d", answer, n, maxAnswerText)
		}
	}
	text, err := c.readArg(ctx, c.args[0], maxText)
	if err != nil {
		return result{}, err
	}
	x, err := c.api(ctx, "tweet.write")
	if err != nil {
		return result{}, err
	}
	return c.create(ctx, x, &tweettypes.CreateInput{
		Text: &text, Poll: &tweettypes.CreateInputPoll{DurationMinutes: &minutes, Options: c.args[1:]},
	})
}

// create posts.
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
	return result{p, func(w io.Writer) {
		fmt.Fprintf(w, "Posted %s as @%s\n", p.ID, x.account.username)
		if p.URL != "" {
			fmt.Fprintln(w, p.URL)
		}
	}}, nil
}

// unsure adds errUnsure to errors after which X may have posted or not: no answer, or one
// that says that X failed.
func unsure(err error) error {
	var x *answers.Refusal
	var pe *provider.Error
	switch {
	case errors.As(err, &x) && x.Status < 500,
		// These come before anything is sent.
		errors.Is(err, client.ErrReauthRequired), errors.Is(err, client.ErrUnavailable),
		errors.Is(err, client.ErrForeignHost), errors.As(err, &pe):
		return err
	}
	return errors.Join(errUnsure, err)
}
