import {TwitterApi} from "twitter-api-v2";
import {approve, callback, done, keys} from "./lib.mjs";

const app = new TwitterApi({appKey: keys.consumerKey, appSecret: keys.consumerSecret});
const link = await app.generateAuthLink(callback);
const back = await approve(link.url);
const session = await new TwitterApi({
	appKey: keys.consumerKey, appSecret: keys.consumerSecret,
	accessToken: link.oauth_token, accessSecret: link.oauth_token_secret,
}).login(back.searchParams.get("oauth_verifier"));
const me = await session.client.v2.me();
await session.client.v2.tweet("by twitter-api-v2 with OAuth 1.0a");
done({id: me.data.id, token: session.accessToken});
