from requests_oauthlib import OAuth1Session

from lib import approve, callback, done, keys, me_url, post_url

session = OAuth1Session(keys["consumerKey"], keys["consumerSecret"], callback_uri=callback)
session.fetch_request_token("https://api.x.com/oauth/request_token")
session.parse_authorization_response(approve(session.authorization_url("https://api.x.com/oauth/authenticate")))
token = session.fetch_access_token("https://api.x.com/oauth/access_token")
me = session.get(me_url).json()["data"]
assert session.post(post_url, json={"text": "by requests-oauthlib with OAuth 1.0a"}).status_code == 201
done(id=me["id"], token=token["oauth_token"])
