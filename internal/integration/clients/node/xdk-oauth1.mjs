import {Client, OAuth1} from "@xdevplatform/xdk";
import {approve, callback, done, keys} from "./lib.mjs";

const oauth1 = new OAuth1({apiKey: keys.consumerKey, apiSecret: keys.consumerSecret, callback});
await oauth1.getRequestToken();
const back = await approve(oauth1.getAuthorizationUrl(true));
const token = await oauth1.getAccessToken(back.searchParams.get("oauth_verifier"));
// The object of the sign-in would go on signing with the secret of the request token.
const signed = new OAuth1({apiKey: keys.consumerKey, apiSecret: keys.consumerSecret, callback, ...token});
const client = new Client({oauth1: signed});
const me = await client.users.getMe();
await client.posts.create({text: "by @xdevplatform/xdk with OAuth 1.0a"});
done({id: me.data.id, token: token.accessToken});
