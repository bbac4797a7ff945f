package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// toolkit has a test for each row of README's table about toolkits. Each test runs the command
// and checks what the local X has recorded.
var toolkit = map[string]struct {
	command string
	test    func(*lab)
}{
	"GetAuthorizationLink": {"link", (*lab).toolkitLink},
	"GetToken":             {"code", (*lab).toolkitToken},
	"RefreshToken":         {"refresh", (*lab).toolkitRefresh},
	"HandleIncomingRequestAfterAuthorization": {"login", (*lab).toolkitCallback},
	"CreateTextTweet":                         {"text", (*lab).toolkitText},
	"CreateImageTweet":                        {"image", (*lab).toolkitImage},
	"CreateGifTweet":                          {"gif", (*lab).toolkitGIF},
	"CreateVideoTweet":                        {"video", (*lab).toolkitVideo},
	"CreatePollTweet":                         {"poll", (*lab).toolkitPoll},
	"CreateCustomTweet":                       {"custom", (*lab).toolkitCustom},
	"UploadAttachmentsArray":                  {"upload", (*lab).toolkitUploads},
	"UploadMediaFile":                         {"upload", (*lab).toolkitUpload},
	"UploadMediaInParts":                      {"upload", (*lab).toolkitParts},
	"WaitForProcessingCompletion":             {"upload", (*lab).toolkitParts},
	"GetStandardParameters":                   {"-auth FILE", (*lab).toolkitParameters},
}

func TestToolkit(t *testing.T) {
	t.Parallel()
	for name, row := range toolkit {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.test(newLab(t))
		})
	}
}

// Each row of README's table has a test, and each test has a row with its command.
func TestToolkitTable(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "## Coming from a toolkit")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| `([A-Z]\\w+)` \\| `xpost ([^`]*)`").FindAllStringSubmatch(table, -1)
	var named []string
	for _, row := range rows {
		named = append(named, row[1])
		if want, ok := toolkit[row[1]]; !ok || !strings.Contains(" "+row[2]+" ", " "+want.command+" ") {
			t.Errorf("README gives xpost %s for %s, which no test runs", row[2], row[1])
		}
	}
	for name := range toolkit {
		if !slices.Contains(named, name) {
			t.Errorf("README has no row for %s", name)
		}
	}
	for _, name := range []string{
		"redirect_uri", "scope", "client_id", "client_secret", "access_token", "refresh_token",
		"oauth_token", "oauth_token_secret", "oauth_consumer_key", "oauth_consumer_secret",
	} {
		if !strings.Contains(table, "\n| `"+name+"` |") || !strings.Contains(usage, name) {
			t.Errorf("README or the usage text does not explain %s", name)
		}
	}
}

// form is the newest form that X got at a path.
func (l *lab) form(path string) (url.Values, http.Header) {
	l.Helper()
	all := l.x.Requests()
	for _, r := range slices.Backward(all) {
		if r.Path == path {
			return r.Form, r.Header
		}
	}
	l.Fatalf("X got nothing at %s", path)
	return nil, nil
}

// parameters is a file for -auth with a confidential client and a callback on another host.
func (l *lab) parameters() string {
	l.Helper()
	l.x.SetCallbacks("https://example.com/back")
	return l.authFile(map[string]any{
		"redirect_uri": "https://example.com/back", "scope": "tweet.read users.read tweet.write media.write offline.access",
		"client_id": xtest.DefaultClientID, "client_secret": xtest.DefaultClientSecret,
	})
}

func (l *lab) toolkitLink() {
	address, err := url.Parse(l.begin("-auth", l.parameters()))
	if err != nil {
		l.Fatal(err)
	}
	q := address.Query()
	for name, want := range map[string]string{
		"redirect_uri": "https://example.com/back", "client_id": xtest.DefaultClientID, "response_type": "code", "code_challenge_method": "S256",
		"scope": "tweet.read users.read tweet.write media.write offline.access",
	} {
		if q.Get(name) != want {
			l.Errorf("%s is %q, not %q", name, q.Get(name), want)
		}
	}
	if n := l.x.Count(http.MethodPost, "*"); n != 0 {
		l.Errorf("X was asked %d times", n)
	}
}

func (l *lab) toolkitToken() {
	auth := l.parameters()
	u, _ := url.Parse(l.approve(l.begin("-auth", auth), xtest.DefaultUserID))
	l.run("-auth", auth, "code", u.Query().Get("code")).want(0, "Signed in as @demo")
	form, header := l.form("/2/oauth2/token")
	if form.Get("grant_type") != "authorization_code" || form.Get("code") != u.Query().Get("code") ||
		form.Get("redirect_uri") != "https://example.com/back" || form.Get("code_verifier") == "" ||
		!strings.HasPrefix(header.Get("Authorization"), "Basic ") {
		l.Errorf("X got another request: %q", form.Get("grant_type"))
	}
}

// toolkitRefresh is the scheduled job of a toolkit: a refresh every two hours, with the refresh
// token from the refresh before.
func (l *lab) toolkitRefresh() {
	two, _ := l.issued()
	file := l.authFile(two)
	for i := range 3 {
		newest, _ := l.issues[len(l.issues)-1]["refresh_token"].(string)
		if i == 0 {
			newest = two["refresh_token"].(string)
		}
		l.run("-auth", file, "refresh").want(0, "is valid until")
		form, _ := l.form("/2/oauth2/token")
		if form.Get("grant_type") != "refresh_token" || form.Get("refresh_token") != newest {
			l.Errorf("refresh %d did not use the newest refresh token", i+1)
		}
	}
}

func (l *lab) toolkitCallback() {
	l.signIn(byOAuth2, xtest.SecondUserID).want(0, "Signed in as @demo_two")
	form, _ := l.form("/2/oauth2/token")
	if form.Get("grant_type") != "authorization_code" || !strings.HasPrefix(form.Get("redirect_uri"), "http://127.0.0.1:") {
		l.Errorf("X got %q", form.Get("grant_type"))
	}
}

func (l *lab) toolkitText() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	l.run("text", "Only words").want(0)
	if got := l.newest(); got.Text != "Only words" || len(got.MediaKeys)+len(got.PollOptions) != 0 {
		l.Errorf("%+v", got)
	}
}

func (l *lab) toolkitImage() {
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	one, two := photo(l.T, 20), photo(l.T, 21)
	// A toolkit also accepts bytes. Here they come through standard input.
	l.runAs(l.Context(), person{stdin: bytes.NewReader(two)}, "image", "-text", "Two", place(l.T, "one.png", one), "-").want(0)
	got := l.newest()
	if got.Text != "Two" || len(got.MediaKeys) != 2 || !bytes.Equal(l.uploaded(got.MediaKeys[0]), one) || !bytes.Equal(l.uploaded(got.MediaKeys[1]), two) {
		l.Errorf("%+v", got)
	}
}

func (l *lab) toolkitGIF() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	content := animation(l.T)
	l.run("gif", "-text", "Blinks", place(l.T, "x.gif", content)).want(0)
	if got := l.newest(); len(got.MediaKeys) != 1 || !strings.HasPrefix(got.MediaKeys[0], "16_") || !bytes.Equal(l.uploaded(got.MediaKeys[0]), content) {
		l.Errorf("%+v", got)
	}
}

func (l *lab) toolkitVideo() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	content := film(2<<20 + 1)
	l.run("video", "-text", "Moves", place(l.T, "x.mp4", content)).want(0)
	got := l.newest()
	if len(got.MediaKeys) != 1 || !strings.HasPrefix(got.MediaKeys[0], "7_") || !bytes.Equal(l.uploaded(got.MediaKeys[0]), content) {
		l.Errorf("%+v", got)
	}
	if parts, questions := l.appends(), l.x.Count(http.MethodGet, "/2/media/upload"); parts != 3 || questions != 2 {
		l.Errorf("%d parts and %d questions", parts, questions)
	}
}

// minutes is the duration of the newest post's poll.
func (l *lab) minutes() int {
	l.Helper()
	var found struct {
		Includes struct {
			Polls []struct {
				Minutes int `json:"duration_minutes"`
			}
		}
	}
	l.run("custom", "GET", "/2/tweets/"+l.newest().ID+"?expansions=attachments.poll_ids&poll.fields=duration_minutes").want(0).json(&found)
	if len(found.Includes.Polls) != 1 {
		l.Fatalf("%+v", found)
	}
	return found.Includes.Polls[0].Minutes
}

func (l *lab) toolkitPoll() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	l.run("poll", "-for", "90m", "Which?", "This", "That").want(0)
	if got := l.newest(); got.Text != "Which?" || !slices.Equal(got.PollOptions, []string{"This", "That"}) || l.minutes() != 90 {
		l.Errorf("%+v", got)
	}
}

func (l *lab) toolkitCustom() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	picture := photo(l.T, 9)
	file := place(l.T, "a.png", picture)
	l.run("custom", "-text", "Any parts", "-media", file, "-alt", "Noise", "-media", place(l.T, "b.png", photo(l.T, 8))).want(0)
	if got := l.newest(); got.Text != "Any parts" || len(got.MediaKeys) != 2 || !bytes.Equal(l.uploaded(got.MediaKeys[0]), picture) {
		l.Errorf("%+v", got)
	}
	l.run("custom", "-text", "Which?", "-option", "This", "-option", "That", "-for", "2h").want(0)
	if got := l.newest(); !slices.Equal(got.PollOptions, []string{"This", "That"}) || l.minutes() != 120 {
		l.Errorf("%+v", got)
	}
	// Fields of X for which there is no flag.
	l.run("custom", "-media", file, "POST", "/2/tweets", `{"text":"By hand","reply_settings":"following"}`).want(0)
	if got := l.newest(); got.Text != "By hand" || len(got.MediaKeys) != 1 || !bytes.Equal(l.uploaded(got.MediaKeys[0]), picture) {
		l.Errorf("%+v", got)
	}
}

// ids are the ids that upload printed, for use in a post.
func (l *lab) ids(a answer) []string {
	l.Helper()
	ids := strings.Fields(a.want(0).stdout)
	for i, id := range ids {
		if _, err := strconv.ParseUint(id, 10, 64); err != nil {
			l.Fatalf("no id: %q", id)
		}
		l.run("custom", "POST", "/2/tweets", `{"text":"With `+strconv.Itoa(i)+`","media":{"media_ids":["`+id+`"]}}`).want(0)
	}
	return ids
}

func (l *lab) toolkitUploads() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	contents := [][]byte{photo(l.T, 5), animation(l.T), film(100)}
	a := l.run("upload", place(l.T, "a.png", contents[0]), place(l.T, "b.gif", contents[1]), place(l.T, "c.mp4", contents[2]))
	if ids := l.ids(a); len(ids) != 3 {
		l.Fatalf("%q", ids)
	}
	posts := l.api.Posts(xtest.DefaultUserID)
	for i, content := range contents {
		if !bytes.Equal(l.uploaded(posts[2-i].MediaKeys[0]), content) {
			l.Errorf("file %d arrived as another", i)
		}
	}
}

func (l *lab) toolkitUpload() {
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	content := photo(l.T, 6)
	l.ids(l.run("upload", "-alt", "Noise", place(l.T, "a.png", content)))
	if !bytes.Equal(l.uploaded(l.newest().MediaKeys[0]), content) {
		l.Error("the file arrived as another")
	}
	var list []uploaded
	l.run("-json", "upload", place(l.T, "b.png", content)).want(0).json(&list)
	if len(list) != 1 || list[0].ID == "" || list[0].Type != "image/png" || list[0].File != "b.png" {
		l.Errorf("%+v", list)
	}
}

func (l *lab) toolkitParts() {
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	content := film(2<<20 + 1)
	a := l.run("upload", place(l.T, "a.mp4", content))
	if parts, questions := l.appends(), l.x.Count(http.MethodGet, "/2/media/upload"); parts != 3 || questions != 2 || len(l.waited) != 2 {
		l.Errorf("%d parts, %d questions after %v", parts, questions, l.waited)
	}
	l.ids(a)
	if !bytes.Equal(l.uploaded(l.newest().MediaKeys[0]), content) {
		l.Error("the file arrived as another")
	}
}

// toolkitParameters sets all ten parameters in the file, and no variable.
func (l *lab) toolkitParameters() {
	two, one := l.issued()
	for _, name := range []string{"X_CLIENT_ID", "X_CONSUMER_KEY", "X_CONSUMER_SECRET"} {
		delete(l.env, name)
	}
	all := map[string]any{
		"redirect_uri": "https://example.com/back", "scope": []string{"tweet.read", "users.read", "tweet.write", "offline.access"},
		"client_id": xtest.DefaultPublicClientID, "client_secret": "",
		"access_token": two["access_token"], "refresh_token": two["refresh_token"],
		"oauth_token": one["oauth_token"], "oauth_token_secret": one["oauth_token_secret"],
		"oauth_consumer_key": xtest.DefaultConsumerKey, "oauth_consumer_secret": xtest.DefaultConsumerSecret,
	}
	file := l.authFile(all)
	authorization := func() string {
		_, h := l.form("/2/tweets")
		return h.Get("Authorization")
	}
	l.run("-auth", file, "-oauth2", "text", "By OAuth 2.0").want(0)
	if got := authorization(); got != "Bearer "+two["access_token"].(string) {
		l.Error("the post was not sent with the access token")
	}
	l.run("-auth", file, "-oauth1", "text", "By OAuth 1.0a").want(0)
	if got := authorization(); !strings.Contains(got, `oauth_token="`+one["oauth_token"].(string)+`"`) ||
		!strings.Contains(got, `oauth_consumer_key="`+xtest.DefaultConsumerKey+`"`) {
		l.Error("the post was not signed with the token of OAuth 1.0a")
	}
	l.run("-auth", file, "refresh").want(0)
	if form, _ := l.form("/2/oauth2/token"); form.Get("refresh_token") != two["refresh_token"] || form.Get("client_id") != xtest.DefaultPublicClientID {
		l.Error("the refresh did not use the refresh token and the client")
	}
	// If the file and the variables differ, the file counts.
	l.env["X_CLIENT_ID"], l.env["X_CLIENT_SECRET"], l.env["X_SCOPES"] = "another", "secret of another", "tweet.read users.read"
	l.x.SetCallbacks("https://example.com/back")
	q, _ := url.Parse(l.begin("-auth", file))
	if q.Query().Get("client_id") != xtest.DefaultPublicClientID || q.Query().Get("redirect_uri") != "https://example.com/back" ||
		q.Query().Get("scope") != "tweet.read users.read tweet.write offline.access" {
		l.Errorf("%s", q)
	}
	// A client secret in the file authenticates the client.
	l.toolkitToken()
}
