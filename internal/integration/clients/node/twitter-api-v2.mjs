import {TwitterApi} from "twitter-api-v2";
import {approve, callback, done, keys, scopes} from "./lib.mjs";

const app = new TwitterApi({clientId: keys.clientId, clientSecret: keys.clientSecret});
const link = app.generateOAuth2AuthLink(callback, {scope: scopes});
const back = await approve(link.url);
let session = await app.loginWithOAuth2({code: back.searchParams.get("code"), codeVerifier: link.codeVerifier, redirectUri: callback});
const first = session.accessToken;
session = await app.refreshOAuth2Token(session.refreshToken);
const me = await session.client.v2.me();
await session.client.v2.tweet("by twitter-api-v2");
await app.revokeOAuth2Token(first, "access_token");
done({id: me.data.id, refreshed: session.accessToken !== first, token: session.accessToken, revoked: first});
