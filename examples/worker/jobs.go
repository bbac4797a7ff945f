package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/xsignin/xsignin"
)

// state is the state of a job.
type state string

const (
	// waiting: it is posted when it is due, or retried.
	waiting state = "waiting"
	// sending: it was sent to X, and the answer is not known yet. A job in this state at the
	// start was cut off, and becomes unknown.
	sending state = "sending"
	// posted: X has accepted it.
	posted state = "posted"
	// parked: X no longer accepts the user's token. Only the user can fix this.
	parked state = "parked"
	// refused: X has refused it.
	refused state = "refused"
	// unknown: X may have accepted it or not. The user can check.
	unknown state = "unknown"
)

// job is one post to be sent.
type job struct {
	ID       int64
	Key      xsignin.Key // the key of the client that posts it
	Text     string
	Due      time.Time // when to try next
	State    state
	Attempts int
	Note     string // for the user
	PostID   string // X's
}

// Again reports whether the user may send the job (again).
func (j job) Again() bool { return j.State == parked || j.State == refused || j.State == unknown }

// jobs is the table of jobs. Times are Unix milliseconds.
type jobs struct{ db *sql.DB }

const jobsTable = `
CREATE TABLE IF NOT EXISTS jobs (
	id INTEGER PRIMARY KEY, provider TEXT NOT NULL, user_id TEXT NOT NULL, account_id TEXT NOT NULL, text TEXT NOT NULL, due INTEGER NOT NULL,
	state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '', post_id TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (state, due);
CREATE INDEX IF NOT EXISTS jobs_user ON jobs (user_id);`

// openJobs creates the table. It gives up on jobs that an earlier process was sending, because
// the application cannot know whether X has accepted them. Several workers on one table would
// also need a lease.
func openJobs(ctx context.Context, db *sql.DB) (*jobs, error) {
	if _, err := db.ExecContext(ctx, jobsTable); err != nil {
		return nil, err
	}
	_, err := db.ExecContext(ctx, "UPDATE jobs SET state = ?, note = ? WHERE state = ?", unknown, noteCutOff, sending)
	return &jobs{db}, err
}

func (t *jobs) add(ctx context.Context, key xsignin.Key, text string, due time.Time) error {
	_, err := t.db.ExecContext(ctx, "INSERT INTO jobs (provider, user_id, account_id, text, due, state) VALUES (?, ?, ?, ?, ?, ?)",
		key.Provider, key.UserID, key.AccountID, text, due.UnixMilli(), waiting)
	return err
}

// due returns the waiting jobs that are due, the oldest first.
func (t *jobs) due(ctx context.Context, now time.Time) ([]job, error) {
	return t.list(ctx, "WHERE state = ? AND due <= ? ORDER BY due, id LIMIT 100", waiting, now.UnixMilli())
}

// next returns when the next job is due, or the zero time.
func (t *jobs) next(ctx context.Context) (time.Time, error) {
	var ms sql.NullInt64
	err := t.db.QueryRowContext(ctx, "SELECT MIN(due) FROM jobs WHERE state = ?", waiting).Scan(&ms)
	if err != nil || !ms.Valid {
		return time.Time{}, err
	}
	return time.UnixMilli(ms.Int64), nil
}

// of returns the newest jobs of a user.
func (t *jobs) of(ctx context.Context, userID string) ([]job, error) {
	return t.list(ctx, "WHERE user_id = ? ORDER BY id DESC LIMIT 50", userID)
}

func (t *jobs) list(ctx context.Context, where string, args ...any) ([]job, error) {
	rows, err := t.db.QueryContext(ctx, "SELECT id, provider, user_id, account_id, text, due, state, attempts, note, post_id FROM jobs "+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []job
	for rows.Next() {
		var j job
		var due int64
		if err := rows.Scan(&j.ID, &j.Key.Provider, &j.Key.UserID, &j.Key.AccountID, &j.Text, &due, &j.State, &j.Attempts, &j.Note, &j.PostID); err != nil {
			return nil, err
		}
		j.Due = time.UnixMilli(due)
		all = append(all, j)
	}
	return all, rows.Err()
}

// claim marks a job as being sent, unless another has done so or the user has deleted it.
func (t *jobs) claim(ctx context.Context, j job) (bool, error) {
	return changed(t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, attempts = attempts + 1 WHERE id = ? AND state = ?", sending, j.ID, waiting))
}

// settle stores the result of a claimed job.
func (t *jobs) settle(ctx context.Context, j job) error {
	_, err := t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, due = ?, attempts = ?, note = ?, post_id = ? WHERE id = ?",
		j.State, j.Due.UnixMilli(), j.Attempts, j.Note, j.PostID, j.ID)
	return err
}

// park stops all of a user's waiting jobs, because they would fail too.
func (t *jobs) park(ctx context.Context, key xsignin.Key) error {
	_, err := t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, note = ? WHERE state = ? AND provider = ? AND user_id = ? AND account_id = ?",
		parked, noteParked, waiting, key.Provider, key.UserID, key.AccountID)
	return err
}

// again makes a job of the user wait again, with the key of the current sign-in.
func (t *jobs) again(ctx context.Context, id int64, key xsignin.Key, now time.Time) error {
	_, err := t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, provider = ?, account_id = ?, due = ?, attempts = 0, note = '' WHERE id = ? AND user_id = ? AND state IN (?, ?, ?)",
		waiting, key.Provider, key.AccountID, now.UnixMilli(), id, key.UserID, parked, refused, unknown)
	return err
}

// remove deletes a job of the user, unless it is being sent.
func (t *jobs) remove(ctx context.Context, id int64, userID string) error {
	_, err := t.db.ExecContext(ctx, "DELETE FROM jobs WHERE id = ? AND user_id = ? AND state <> ?", id, userID, sending)
	return err
}

func changed(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}
