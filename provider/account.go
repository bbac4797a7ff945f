package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// accountID is what an id may look like. X's are 64-bit numbers in decimal; another
// server that speaks X's protocols may have others.
var accountID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// account is what X says of an account.
type account struct {
	id, username, name, avatar, email string
}

func (s *service) user(a account) User {
	return User{
		Provider: s.name, AccountID: a.id, ID: a.id, Username: a.username,
		Name: a.name, AvatarURL: a.avatar, Email: a.email, SignedInAt: s.now(),
	}
}

// usersMe makes the one call that X bills for an identity. send attaches the
// credentials; weigh knows what both protocols do not share.
//
// Only fields that the documentation and the OpenAPI file of X agree on are asked
// for.
func (s *service) usersMe(ctx context.Context, t tokenstore.Token, email bool,
	send func(http.RoundTripper, tokenstore.Token, *http.Request) (*http.Response, error),
	weigh classifier,
) (account, error) {
	c := s.call(ctx, "users/me", t.AccessToken, t.RefreshToken, t.TokenSecret)
	defer c.stop()
	address := s.me
	if email {
		address += url.QueryEscape(",confirmed_email")
	}
	r, err := http.NewRequestWithContext(c.ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return account{}, c.unreached()
	}
	r.Header.Set("Accept", acceptJSON)
	resp, err := send(c, t, r)
	if err == nil {
		_ = resp.Body.Close()
	} else if misuse := (*Error)(nil); errors.As(err, &misuse) {
		misuse.Op = c.op
		return account{}, misuse
	}
	if c.err != nil || !c.answer.ok() {
		return account{}, c.failure(weigh)
	}
	a, problem := parseAccount(c.answer.body)
	if problem != "" {
		// X answers 200 with errors and no data for accounts that it does not show.
		f := parseFault(c.answer.body)
		if f.form == formJSON && f.text() != "" {
			problem += ": " + f.text()
		}
		e := c.unusable(problem)
		e.Code = codeText(f.code(), c.hidden())
		return account{}, e
	}
	return a, nil
}

// notDigit is true for what a whole number has not, such as the e of 1e5.
func notDigit(r rune) bool { return r < '0' || r > '9' }

// parseAccount reads {"data":{"id":"...","name":"...","username":"..."}} and what
// else was asked for. It is strict about the id, which everything hangs on, and drops
// what it cannot use of the rest.
func parseAccount(body []byte) (a account, problem string) {
	answer, ok := jsonObject(body)
	if !ok {
		return a, "the answer is not a JSON object"
	}
	data, ok := answer["data"].(object)
	if !ok {
		return a, "the answer has no data"
	}
	// Servers that speak X's protocol may write the id as a number; as text it keeps
	// every digit.
	a.id = scalarOf(data["id"])
	_, number := data["id"].(json.Number)
	if !accountID.MatchString(a.id) || number && strings.ContainsFunc(a.id, notDigit) {
		return account{}, "the answer has no usable id"
	}
	a.username = plain(data["username"], 50)
	a.name = displayName(stringOf(data["name"]), 200)
	a.avatar = avatarURL(stringOf(data["profile_image_url"]))
	a.email = emailAddress(plain(data["confirmed_email"], 1000))
	return a, ""
}

// joiners are ZWNJ and ZWJ. They do not print, but Persian and Indic names are
// misspelt and joined emoji fall apart without them.
const joiners = "\u200c\u200d"

// displayName is a name of at most n bytes on one line. Joiners stay where there is
// something on both sides to join or to part; at an end they would act on the text
// that a page puts beside the name.
func displayName(s string, n int) string {
	s = oneLineBut(joiners, s)
	return strings.Trim(clip(strings.Trim(s, joiners+" "), n), joiners+" ")
}

// plain is a text of an account, on one line and bounded.
func plain(v any, n int) string { return clip(oneLine(stringOf(v)), n) }
