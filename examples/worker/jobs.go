package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/xsignin/xsignin"
)

// state is what has become of a job.
type state string

const (
	// waiting: it is posted when it is due, or tried again.
	waiting state = "waiting"
	// sending: it was given to X, and the answer is not known yet. A job that is found so at
	// the start was cut off, and becomes unknown.
	sending state = "sending"
	// posted: X has it.
	posted state = "posted"
	// parked: X no longer takes the user's token. The user can help, and nobody else.
	parked state = "parked"
	// refused: X does not want it.
	refused state = "refused"
	// unknown: X may have it or not. The user can look.
	unknown state = "unknown"
)

// job is one post to be made.
type job struct {
	ID       int64
	Key      xsignin.Key // whose client posts it
	Text     string
	Due      time.Time // when to try next
	State    state
	Attempts int
	Note     string // for the user
	PostID   string // X's
}

// Again reports whether the user may send it (again).
func (j job) Again() bool { return j.State == parked || j.State == refused || j.State == unknown }

// jobs is the table. Times are Unix milliseconds.
type jobs struct{ db *sql.DB }

const jobsTable = `
CREATE TABLE IF NOT EXISTS jobs (
	id INTEGER PRIMARY KEY, provider TEXT NOT NULL, user_id TEXT NOT NULL, account_id TEXT NOT NULL, text TEXT NOT NULL, due INTEGER NOT NULL,
	state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '', post_id TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (state, due);
CREATE INDEX IF NOT EXISTS jobs_user ON jobs (user_id);`

// openJobs makes the table, and gives up on what an earlier process was cut off in: whether
// X has it, nobody here knows. Several workers on one table would need a lease besides.
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

// due is the waiting jobs whose time has come, the oldest first.
func (t *jobs) due(ctx context.Context, now time.Time) ([]job, error) {
	return t.list(ctx, "WHERE state = ? AND due <= ? ORDER BY due, id LIMIT 100", waiting, now.UnixMilli())
}

// next is when the next job is due, and the zero time where none is.
func (t *jobs) next(ctx context.Context) (time.Time, error) {
	var ms sql.NullInt64
	err := t.db.QueryRowContext(ctx, "SELECT MIN(due) FROM jobs WHERE state = ?", waiting).Scan(&ms)
	if err != nil || !ms.Valid {
		return time.Time{}, err
	}
	return time.UnixMilli(ms.Int64), nil
}

// of is the newest jobs of a user.
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

// settle writes what has become of a claimed job.
func (t *jobs) settle(ctx context.Context, j job) error {
	_, err := t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, due = ?, attempts = ?, note = ?, post_id = ? WHERE id = ?",
		j.State, j.Due.UnixMilli(), j.Attempts, j.Note, j.PostID, j.ID)
	return err
}

// park keeps all of a user's waiting jobs from being tried: they would fare no better.
func (t *jobs) park(ctx context.Context, key xsignin.Key) error {
	_, err := t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, note = ? WHERE state = ? AND provider = ? AND user_id = ? AND account_id = ?",
		parked, noteParked, waiting, key.Provider, key.UserID, key.AccountID)
	return err
}

// again lets a job of the user wait anew, with the key of the sign-in of now.
func (t *jobs) again(ctx context.Context, id int64, key xsignin.Key, now time.Time) error {
	_, err := t.db.ExecContext(ctx, "UPDATE jobs SET state = ?, provider = ?, account_id = ?, due = ?, attempts = 0, note = '' WHERE id = ? AND user_id = ? AND state IN (?, ?, ?)",
		waiting, key.Provider, key.AccountID, now.UnixMilli(), id, key.UserID, parked, refused, unknown)
	return err
}

// remove deletes a job of the user, unless it is on its way.
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
