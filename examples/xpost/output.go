package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// The exit statuses other than 0.
const (
	statusFailed  = 1
	statusWrong   = 2 // the command line or a variable
	statusOffline = 3
	statusStopped = 130 // after Ctrl-C, as in shells
)

// result is the result of a command: a document for scripts, and a text for people.
type result struct {
	document any
	write    func(io.Writer)
	help     bool
}

// show prints the result and returns the exit status. With -json there is always one document on
// standard output.
func show(w world, opt options, r result, err error) int {
	switch {
	case opt.json && r.document != nil:
		writeJSON(w.stdout, r.document)
	case opt.json && err != nil:
		writeJSON(w.stdout, map[string]any{"error": explain(err, opt)})
	case r.write != nil:
		r.write(w.stdout)
	}
	if err == nil {
		return 0
	}
	status := statusFailed
	var wrong *usageError
	var faults *configError
	switch {
	case errors.As(err, &wrong), errors.As(err, &faults):
		status = statusWrong
	case notConnected(err) != "":
		status = statusOffline
	}
	for line := range strings.Lines(explain(err, opt).text() + "\n") {
		fmt.Fprint(w.stderr, "xpost: ", line)
	}
	return status
}

func writeJSON(w io.Writer, document any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(document)
}

// when is a time in a form for people, or "" if X did not send it.
func when(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return t.Local().Format("2 Jan 2006 15:04")
}

// plain makes a text of other people safe for a terminal. The text is on one line, without the
// control characters that would move the cursor or name the window.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(s), " "))
}
