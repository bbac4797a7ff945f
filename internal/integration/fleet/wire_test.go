package fleet

import (
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// setup is the first line sent to a worker.
type setup struct {
	X            string // the address of X
	Backend      backend
	Timeout      time.Duration
	Offset, Skew time.Duration
}

// command is each further line. Its answer has the same ID.
type command struct {
	ID     int
	Op     string
	Offset time.Duration // "clock": how far the fleet's time has moved
	Users  []string      // "do", "load": the users to make requests for
	N      int           // "do", "await", "recover": the number of requests
	Name   string        // "block": the step to block before; "phase": its name
}

// answer is a line of a worker. Without an ID it is an event.
type answer struct {
	ID       int
	Event    string        // "ready", the blocked step, "visitor left", or an event of the client.Manager
	Err      string        // why the command failed
	Addr     string        // "serve"
	Reads    int64         // "reads": the number of reads of the store
	Outcomes outcomes      // "do"
	Load     []loadOutcome // "tally"
}

// outcomes counts requests by outcome.
type outcomes map[string]int

// Outcomes of a request. Other outcomes are a status or an error's text.
const (
	good        = "ok"
	signInAgain = "sign in again"
	unavailable = "unavailable"
	left        = "the caller left"
)

// loadOutcome counts the requests for a user in a phase. Requests that end in another phase than
// they began in have the phase "between".
type loadOutcome struct {
	User, Phase string
	Outcomes    outcomes
}

const between = "between"

// keyOf is the key of a user of X. The user has X's id here.
func keyOf(user string) tokenstore.Key {
	return tokenstore.Key{Provider: "x", UserID: user, AccountID: user}
}

// secret seals the tokens of all tests.
const secret = "0123456789abcdef0123456789abcdef"
