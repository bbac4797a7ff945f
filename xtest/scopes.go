package xtest

// scopeWords are the scopes that X knows, in plain words for the consent page.
var scopeWords = map[string]string{
	"tweet.read":           "See all the posts you can see, including those of protected accounts",
	"tweet.write":          "Post and repost for you",
	"tweet.moderate.write": "Hide and unhide replies to your posts",
	"users.read":           "See your profile and any account you can see",
	"users.email":          "See the email address of your account",
	"follows.read":         "See who follows you and whom you follow",
	"follows.write":        "Follow and unfollow people for you",
	"offline.access":       "Stay connected to your account until you revoke access",
	"space.read":           "See all the Spaces you can see",
	"mute.read":            "See the accounts you have muted",
	"mute.write":           "Mute and unmute accounts for you",
	"like.read":            "See the posts you have liked",
	"like.write":           "Like and unlike posts for you",
	"list.read":            "See your lists, their members and followers, private ones too",
	"list.write":           "Create and manage lists for you",
	"block.read":           "See the accounts you have blocked",
	"block.write":          "Block and unblock accounts for you",
	"bookmark.read":        "See your bookmarks",
	"bookmark.write":       "Add and remove bookmarks for you",
	"dm.read":              "Read your direct messages",
	"dm.write":             "Send and manage direct messages for you",
	"media.write":          "Upload photos and videos for you",
	"broadcast.read":       "See your broadcasts",
	"broadcast.write":      "Create and manage broadcasts for you",
	"timeline.read":        "See your timeline",
	"ads.read":             "See your advertising accounts",
	"ads.write":            "Manage your advertising accounts",
}

// oauth1Words are what an OAuth 1.0a app may do, for the consent page: the permission is one for all.
func oauth1Words(readOnly bool) []string {
	words := []string{
		"See the posts from your timeline, including those of protected accounts, and your lists",
		"See your profile information and account settings",
		"See the accounts that you follow, mute and block",
	}
	if !readOnly {
		words = append(words,
			"Post and delete posts for you, and engage with those of others",
			"Follow, mute and block accounts for you",
			"Update your profile and account settings")
	}
	return words
}
