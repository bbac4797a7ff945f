package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/answers"
	"github.com/xsignin/xsignin/provider"
)

const (
	firstPause  = 30 * time.Second
	longestWait = time.Hour
	maxAttempts = 20
	sendTimeout = 30 * time.Second
	// idle is how long the worker sleeps at most, should it have missed a call.
	idle = time.Minute
)

// What a user reads beside a job.
const (
	noteParked    = "X no longer accepts your sign-in. Sign in again, then send it."
	noteCutOff    = "This was cut off while X was asked. Look at X whether it is there before you send it again."
	noteNoAnswer  = "X gave no answer. Look at X whether it is there before you send it again."
	noteDuplicate = "X has this text from you already."
	noteRefused   = "X does not accept this post."
	noteTrying    = "X cannot be reached. It is tried again."
	noteLimited   = "X limits how often you may post. It is tried again when X allows it."
	noteGivenUp   = "X could not be reached for long. You can send it again."
)

// worker posts for users who are away.
type worker struct {
	jobs *jobs
	kit  *xsignin.Kit
	now  func() time.Time
	wake chan struct{} // has room for one
}

func newWorker(jobs *jobs, kit *xsignin.Kit, now func() time.Time) *worker {
	return &worker{jobs, kit, now, make(chan struct{}, 1)}
}

// look makes the worker look for jobs now.
func (w *worker) look() {
	select {
	case w.wake <- struct{}{}:
	default: // it will
	}
}

// run works until ctx ends. A post that has begun is finished and its outcome saved.
func (w *worker) run(ctx context.Context) {
	for {
		pause := idle
		if err := w.work(ctx); err != nil {
			log.Print("worker: ", err)
		} else if next, err := w.jobs.next(ctx); err == nil && !next.IsZero() {
			pause = min(idle, max(0, next.Sub(w.now())))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// work does what is due now.
func (w *worker) work(ctx context.Context) error {
	due, err := w.jobs.due(ctx, w.now())
	if err != nil {
		return err
	}
	for _, j := range due {
		if ctx.Err() != nil {
			return nil
		}
		if err := w.do(context.WithoutCancel(ctx), j); err != nil {
			return err
		}
	}
	return nil
}

// do posts one job, at most once: that it is being sent is written before X is asked, and
// what came of it afterwards. Whoever dies in between leaves it in the state sending, and
// nobody sends it again but the user.
func (w *worker) do(ctx context.Context, j job) error {
	ours, err := w.jobs.claim(ctx, j)
	if err != nil || !ours {
		return err
	}
	j.Attempts++
	w.send(ctx, &j)
	if err := w.jobs.settle(ctx, j); err != nil {
		return err
	}
	if j.State == parked {
		return w.jobs.park(ctx, j.Key)
	}
	return nil
}

// send asks X and says in j what came of it.
func (w *worker) send(ctx context.Context, j *job) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"text": j.Text})
	if err != nil {
		j.State, j.Note = refused, noteRefused
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.x.com/2/tweets", bytes.NewReader(body))
	if err != nil {
		j.State, j.Note = refused, noteRefused
		return
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.kit.ClientFor(j.Key).Do(r)
	if err != nil {
		w.failed(j, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	w.answered(j, resp, answer)
}

// failed is for requests without an answer.
func (w *worker) failed(j *job, err error) {
	var dial *net.OpError
	switch {
	case errors.Is(err, client.ErrReauthRequired):
		// Nothing was posted, and nothing will be until the user has been here.
		j.State, j.Note = parked, noteParked
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, client.ErrClosed),
		errors.As(err, &dial) && dial.Op == "dial":
		// There was no token to send it with, or nobody to send it to.
		var why *provider.Error
		if errors.As(err, &why) {
			w.later(j, why.RetryAt)
			return
		}
		w.later(j, time.Time{})
	default:
		log.Print("worker: a post without an answer: ", err)
		j.State, j.Note = unknown, noteNoAnswer
	}
}

// answered is for requests that X answered.
func (w *worker) answered(j *job, resp *http.Response, answer []byte) {
	var body struct{ Data struct{ ID string } }
	_ = json.Unmarshal(answer, &body)
	switch {
	case resp.StatusCode == http.StatusCreated:
		j.State, j.Note, j.PostID = posted, "", body.Data.ID
	case resp.StatusCode == http.StatusTooManyRequests:
		// X has not tried, so neither have we.
		j.Attempts--
		w.later(j, answers.LimitEnds(resp))
		j.Note = noteLimited
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusServiceUnavailable:
		// 401 comes through where X takes the token no more and a new one cannot be had at
		// the moment; 503 where X is not at home. Neither has posted anything.
		w.later(j, time.Time{})
	case resp.StatusCode >= http.StatusInternalServerError:
		j.State, j.Note = unknown, noteNoAnswer
	case bytes.Contains(bytes.ToLower(answer), []byte("duplicate")):
		j.State, j.Note = refused, noteDuplicate
	default:
		log.Print("worker: X answers ", resp.Status, " to a post")
		j.State, j.Note = refused, noteRefused
	}
}

// later lets the job wait until at, or where that is not known, twice as long as before.
func (w *worker) later(j *job, at time.Time) {
	if j.Attempts >= maxAttempts {
		j.State, j.Note = refused, noteGivenUp
		return
	}
	now := w.now()
	if !at.After(now) {
		at = now.Add(min(longestWait, firstPause<<max(0, j.Attempts-1)))
	}
	j.State, j.Due, j.Note = waiting, at, noteTrying
}
