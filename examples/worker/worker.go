package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xapi"
)

const (
	firstPause  = 30 * time.Second
	longestWait = time.Hour
	maxAttempts = 20
	sendTimeout = 30 * time.Second
	// idle is the longest sleep of the worker, in case it missed a call.
	idle = time.Minute
)

// Texts for the user beside a job.
const (
	noteParked    = "X no longer accepts your sign-in. Sign in again, then send the post."
	noteCutOff    = "The program was stopped during the call to X. Look at X before you send the post again, because it may be there."
	noteNoAnswer  = "X did not answer. Look at X before you send the post again, because it may be there."
	noteDuplicate = "X has this text from you already."
	noteRefused   = "X does not accept this post."
	noteTrying    = "X cannot be reached. The post will be tried again."
	noteLimited   = "X limits how often you may post. The post will be tried again when X allows it."
	noteGivenUp   = "X could not be reached for a long time. You can send the post again."
)

// worker posts for users who are away.
type worker struct {
	jobs *jobs
	kit  *xsignin.Kit
	now  func() time.Time
	wake chan struct{} // has a capacity of one
}

func newWorker(jobs *jobs, kit *xsignin.Kit, now func() time.Time) *worker {
	return &worker{jobs, kit, now, make(chan struct{}, 1)}
}

// look makes the worker look for jobs now.
func (w *worker) look() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run works until ctx ends. It finishes a post that has begun, and saves the result.
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

// work does all jobs that are due.
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

// do posts one job, at most once. It stores that the job is being sent before it calls X, and
// the result afterwards. If the process dies in between, the job stays in the state sending, and
// only the user can send it again.
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

// send calls X and stores the result in j.
func (w *worker) send(ctx context.Context, j *job) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/2/tweets", xapi.JSON(map[string]string{"text": j.Text}))
	if err != nil {
		j.State, j.Note = refused, noteRefused
		return
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := xapi.Decode[struct{ Data struct{ ID string } }](w.kit.ClientFor(j.Key).Do(r))
	var refusal *xapi.Error
	switch {
	case err == nil:
		j.State, j.Note, j.PostID = posted, "", answer.Data.ID
	case errors.As(err, &refusal):
		w.refused(j, refusal)
	default:
		w.failed(j, err)
	}
}

// failed handles requests without a response.
func (w *worker) failed(j *job, err error) {
	var dial *net.OpError
	switch {
	case errors.Is(err, client.ErrReauthRequired):
		// Nothing was posted, and nothing will be until the user signs in.
		j.State, j.Note = parked, noteParked
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, client.ErrClosed),
		errors.As(err, &dial) && dial.Op == "dial":
		// There was no token, or no connection.
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

// refused handles requests that X refused.
func (w *worker) refused(j *job, e *xapi.Error) {
	switch {
	case e.Cause == "rate_limited":
		// X has not executed the request, so the attempt does not count.
		j.Attempts--
		w.later(j, e.RetryAt)
		j.Note = noteLimited
	case e.Cause == "unauthorized", e.Cause == "no_credits", e.Status == http.StatusServiceUnavailable:
		// The client returns a 401 if X refuses the token and no new one is available. X has
		// posted nothing in these cases.
		w.later(j, e.RetryAt)
	case e.Cause == "unavailable":
		j.State, j.Note = unknown, noteNoAnswer
	case e.Cause == "duplicate":
		j.State, j.Note = refused, noteDuplicate
	default:
		log.Print("worker: X refuses a post: ", e)
		j.State, j.Note = refused, noteRefused
	}
}

// later makes the job wait until at. If at is unknown, the wait is twice as long as before.
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
