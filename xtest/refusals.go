package xtest

import (
	"cmp"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"
)

// enrolledAccount is the number that X puts into its 402 answers: 19 digits, which makes the body 185 bytes long, as
// recorded.
const enrolledAccount = "1500000000000000001"

//go:embed refusals.txt
var refusalsFile string

//go:embed reasons.txt
var reasonsFile string

// refusalText is a refusal in X's words.
type refusalText struct {
	name, contentType, body string
	status                  int
}

var refusals = func() (list []refusalText) {
	kinds := map[string]string{"json": typeJSON, "problem": typeProblem, "html": typeHTML}
	for line := range strings.Lines(refusalsFile) {
		if f := strings.SplitN(strings.TrimSpace(line), " ", 4); f[0] != "#" {
			status, _ := strconv.Atoi(f[1])
			list = append(list, refusalText{f[0], kinds[f[2]], f[3], status})
		}
	}
	return list
}()

// reasonFor returns the reason in reasons.txt for an answer to which the code gives none.
func reasonFor(answer []byte) string {
	for line := range strings.Lines(reasonsFile) {
		if words, reason, ok := strings.Cut(strings.TrimSpace(line), " => "); ok && strings.Contains(string(answer), words) {
			return reason
		}
	}
	return ""
}

// String is the name of the constant.
func (r Refusal) String() string {
	if r < 0 || int(r) >= len(refusals) {
		return strconv.Itoa(int(r))
	}
	return refusals[r].name
}

// refuse answers with one of X's refusals.
func (c *Call) refuse(name, reason string) *Reply {
	i := slices.IndexFunc(refusals, func(t refusalText) bool { return t.name == name })
	text, with := refusals[i], "OAuth 2.0 Application-Only"
	if c.Switches.UnknownAuth {
		with = "Unknown"
	}
	year, month, _ := c.Now.UTC().Date()
	body := strings.NewReplacer(
		"{account}", enrolledAccount,
		"{with}", with,
		"{problems}", "https://"+cmp.Or(c.Switches.ProblemHost, "api.twitter.com")+"/2/problems/", // as recorded
		"{reset}", time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
	).Replace(text.body)
	rep := newReply(text.status, text.contentType, body).because("%s", reason)
	// X was not recorded to send rate-limit headers with these.
	rep.noLimits = text.contentType == typeHTML || name == RefuseNoCredits.String()
	return rep
}

func (c *Call) tooMany() *Reply {
	const reason = "the limit is spent: wait until x-rate-limit-reset"
	if c.Switches.LegacyRateLimitBody || c.v1 {
		return c.refuse("RateLimitDocumented", reason)
	}
	return c.refuse("RefuseTooMany", reason)
}
