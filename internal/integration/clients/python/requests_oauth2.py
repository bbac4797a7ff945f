import base64
import hashlib

from requests_oauthlib import OAuth2Session

from lib import approve, authorize_url, callback, done, keys, me_url, post_url, scopes, token_url

verifier = "v" * 43
challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
session = OAuth2Session(keys["clientId"], redirect_uri=callback, scope=scopes)
url, _ = session.authorization_url(authorize_url, code_challenge=challenge, code_challenge_method="S256")
first = dict(session.fetch_token(token_url, authorization_response=approve(url), code_verifier=verifier,
                                 client_secret=keys["clientSecret"]))
second = session.refresh_token(token_url, refresh_token=first["refresh_token"],
                               auth=(keys["clientId"], keys["clientSecret"]))
me = session.get(me_url).json()["data"]
assert session.post(post_url, json={"text": "by requests-oauthlib"}).status_code == 201
done(id=me["id"], refreshed=first["access_token"] != second["access_token"], token=second["access_token"])
