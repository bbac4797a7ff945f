import os
import secrets

from requests_oauthlib import OAuth2Session

x = os.environ.get("X_API_URL", "http://127.0.0.1:9090")
consent_page = os.environ.get("X_AUTHORIZE_URL", x + "/i/oauth2/authorize")
callback = os.environ.get("X_CALLBACK", "http://127.0.0.1:8080/auth/callback")
client_id, client_secret = os.environ["X_CLIENT_ID"], os.environ["X_CLIENT_SECRET"]

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the local X and the callback are http
verifier = secrets.token_urlsafe(32)
session = OAuth2Session(client_id, redirect_uri=callback, scope=["tweet.read", "tweet.write", "users.read"])
url, state = session.authorization_url(consent_page, code_challenge=verifier, code_challenge_method="plain")
print("Open", url, flush=True)
print("and paste the address that the browser ends on, page or no page:", flush=True)
session.fetch_token(x + "/2/oauth2/token", authorization_response=input(), state=state,
                    code_verifier=verifier, client_secret=client_secret)

me = session.get(x + "/2/users/me").json()["data"]
answer = session.post(x + "/2/tweets", json={"text": "Hello from Python"})
answer.raise_for_status()
print("Posted as", me["username"] + ":", answer.json()["data"]["id"])
