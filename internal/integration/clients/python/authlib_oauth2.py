from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from lib import approve, authorize_url, callback, done, keys, me_url, post_url, revoke_url, scopes, token_url

session = OAuth2Session(keys["clientId"], keys["clientSecret"], scope=" ".join(scopes), redirect_uri=callback,
                        code_challenge_method="S256")
verifier = generate_token(48)
url, _ = session.create_authorization_url(authorize_url, code_verifier=verifier)
first = dict(session.fetch_token(token_url, authorization_response=approve(url), code_verifier=verifier))
second = session.refresh_token(token_url, refresh_token=first["refresh_token"])
me = session.get(me_url).json()["data"]
assert session.post(post_url, json={"text": "by Authlib"}).status_code == 201
answer = session.revoke_token(revoke_url, first["access_token"], token_type_hint="access_token")
assert answer.status_code == 200, answer.text
done(id=me["id"], refreshed=first["access_token"] != second["access_token"], token=second["access_token"],
     revoked=first["access_token"])
