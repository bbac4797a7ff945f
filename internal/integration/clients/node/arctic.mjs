import {Twitter, generateState, generateCodeVerifier} from "arctic";
import {approve, callback, done, keys, post, scopes} from "./lib.mjs";

const twitter = new Twitter(keys.clientId, keys.clientSecret, callback);
const verifier = generateCodeVerifier();
const back = await approve(twitter.createAuthorizationURL(generateState(), verifier, scopes).href);
const first = await twitter.validateAuthorizationCode(back.searchParams.get("code"), verifier);
const second = await twitter.refreshAccessToken(first.refreshToken());
// revokeToken sends no token_type_hint, which X refuses too.
await post(second.accessToken(), "by arctic");
done({refreshed: first.accessToken() !== second.accessToken(), token: second.accessToken()});
