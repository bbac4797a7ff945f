from urllib.parse import parse_qs, urlsplit

import tweepy

from lib import approve, callback, done, keys

user = tweepy.OAuth1UserHandler(keys["consumerKey"], keys["consumerSecret"], callback=callback)
back = approve(user.get_authorization_url(signin_with_twitter=True))
token, secret = user.get_access_token(parse_qs(urlsplit(back).query)["oauth_verifier"][0])
client = tweepy.Client(consumer_key=keys["consumerKey"], consumer_secret=keys["consumerSecret"],
                       access_token=token, access_token_secret=secret)
me = client.get_me()
client.create_tweet(text="by tweepy with OAuth 1.0a")
done(id=str(me.data.id), token=token)
