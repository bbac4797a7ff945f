package xtest

import "net/http"

// TimeFormat is the layout of times in answers of API 2.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// UserValues are the values of [UserParams], in both vocabularies.
func UserValues() map[string][]string {
	return map[string][]string{
		"user.fields":  userFields,
		"tweet.fields": postFields, "post.fields": postFields,
		"expansions": userExpansions,
	}
}

func (x *X) getMe(c *Call) *Reply {
	data := c.UserObject(*c.User)
	if c.List("user.fields")["confirmed_email"] {
		allowed := !c.Switches.NoEmailPermission && (c.who.kind == kindOAuth1 || c.who.scopes["users.email"])
		switch {
		case !allowed && c.Switches.RefuseEmail:
			return flat(http.StatusForbidden).because("confirmed_email needs the scope users.email and the app setting")
		case allowed && c.User.Email != "":
			data["confirmed_email"] = c.User.Email
		}
	}
	body := map[string]any{"data": data}
	if x.ext.User != nil {
		if includes := x.ext.User(c, *c.User, data); len(includes) > 0 {
			body["includes"] = includes
		}
	}
	return c.Found(http.StatusOK, body)
}

// UserObject has id, name and username, and what user.fields asks for of the fields that an [X] keeps.
func (c *Call) UserObject(u User) map[string]any {
	o := map[string]any{"id": u.ID, "name": u.Name, "username": u.Username}
	for f := range c.List("user.fields") {
		switch f {
		case "created_at":
			o[f] = u.CreatedAt.UTC().Format(TimeFormat)
		case "description":
			o[f] = u.Description
		case "profile_image_url":
			o[f] = c.avatarURL(u)
		case "protected":
			o[f] = u.Protected
		case "verified":
			o[f] = u.Verified
		case "verified_type":
			o[f] = "none"
			if u.Verified {
				o[f] = "blue"
			}
		}
	}
	return o
}
