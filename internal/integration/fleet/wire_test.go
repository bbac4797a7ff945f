package fleet

import (
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// setup is the first line to a worker.
type setup struct {
	X            string // the address of X
	Backend      backend
	Timeout      time.Duration
	Offset, Skew time.Duration
}

// command is each further line. Its answer has its ID.
type command struct {
	ID     int
	Op     string
	Offset time.Duration // "clock": how far the fleet's time has moved
	Users  []string      // "do", "load": whom to make requests for
	N      int           // "do", "await", "recover": how many requests
	Name   string        // "block": before what; "phase": its name
}

// answer is a line of a worker. Without an ID it is an event.
type answer struct {
	ID       int
	Event    string        // "ready", what "block" named, "visitor left", or an event of the client.Manager
	Err      string        // why the command failed
	Addr     string        // "serve"
	Reads    int64         // "reads": how often the store was read
	Outcomes outcomes      // "do"
	Load     []loadOutcome // "tally"
}

// outcomes counts requests by how they ended.
type outcomes map[string]int

// How a request ends. Anything else is a status or an error's text.
const (
	good        = "ok"
	signInAgain = "sign in again"
	unavailable = "unavailable"
	left        = "the caller left"
)

// loadOutcome counts the requests for a user in a phase. Those that began in another
// phase than they ended in have the phase "between".
type loadOutcome struct {
	User, Phase string
	Outcomes    outcomes
}

const between = "between"

// keyOf is the key of a user of X, who keeps X's id here.
func keyOf(user string) tokenstore.Key {
	return tokenstore.Key{Provider: "x", UserID: user, AccountID: user}
}

// secret seals the tokens of all tests.
const secret = "0123456789abcdef0123456789abcdef"
