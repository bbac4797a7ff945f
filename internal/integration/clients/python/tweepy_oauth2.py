import tweepy

from lib import approve, callback, done, keys, scopes, token_url

user = tweepy.OAuth2UserHandler(
    client_id=keys["clientId"], client_secret=keys["clientSecret"], redirect_uri=callback, scope=scopes)
first = user.fetch_token(approve(user.get_authorization_url()))
second = user.refresh_token(token_url, refresh_token=first["refresh_token"], auth=user.auth)
client = tweepy.Client(second["access_token"])
me = client.get_me(user_auth=False)
client.create_tweet(text="by tweepy", user_auth=False)
done(id=str(me.data.id), refreshed=first["access_token"] != second["access_token"], token=second["access_token"])
