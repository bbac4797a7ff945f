import sdk from "twitter-api-sdk";
import {approve, callback, done, keys, scopes} from "./lib.mjs";

const user = new sdk.auth.OAuth2User({client_id: keys.clientId, client_secret: keys.clientSecret, callback, scopes});
const back = await approve(user.generateAuthURL({state: "a-state", code_challenge_method: "plain", code_challenge: "challenge"}));
const first = (await user.requestAccessToken(back.searchParams.get("code"))).token.access_token;
const second = (await user.refreshAccessToken()).token.access_token;
const client = new sdk.Client(user);
const me = await client.users.findMyUser();
await client.tweets.createTweet({text: "by twitter-api-sdk"});
const refresh = user.token.refresh_token;
await user.revokeAccessToken();
done({id: me.data.id, refreshed: first !== second, token: refresh, revoked: second});
