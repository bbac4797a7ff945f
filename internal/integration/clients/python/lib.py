import json
import os

keys = json.loads(os.environ["X_KEYS"])
callback = os.environ["X_CALLBACK"]
scopes = ["tweet.read", "tweet.write", "users.read", "offline.access"]
authorize_url = "https://x.com/i/oauth2/authorize"
token_url = "https://api.x.com/2/oauth2/token"
revoke_url = "https://api.x.com/2/oauth2/revoke"
me_url = "https://api.x.com/2/users/me"
post_url = "https://api.x.com/2/tweets"


def approve(url):
    """approve has the test open a consent page, and returns the URL of the callback."""
    print("approve", url, flush=True)
    return input()


def done(**result):
    """done tells the test who signed in, and the last access token."""
    print("done", json.dumps(result), flush=True)
