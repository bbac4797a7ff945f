import {Client, OAuth2, generateCodeVerifier, generateCodeChallenge} from "@xdevplatform/xdk";
import {approve, callback, done, keys, scopes} from "./lib.mjs";

const oauth2 = new OAuth2({clientId: keys.clientId, clientSecret: keys.clientSecret, redirectUri: callback, scope: scopes});
const verifier = generateCodeVerifier();
await oauth2.setPkceParameters(verifier, await generateCodeChallenge(verifier));
const back = await approve(await oauth2.getAuthorizationUrl("a-state"));
const first = await oauth2.exchangeCode(back.searchParams.get("code"), verifier);
const second = await oauth2.refreshToken(first.refresh_token);
const client = new Client({accessToken: second.access_token});
const me = await client.users.getMe();
await client.posts.create({text: "by @xdevplatform/xdk"});
done({id: me.data.id, refreshed: first.access_token !== second.access_token, token: second.access_token});
