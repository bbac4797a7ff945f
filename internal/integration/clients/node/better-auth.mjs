import {betterAuth} from "better-auth";
import {memoryAdapter} from "better-auth/adapters/memory";
import {approve, callback, done, keys, post} from "./lib.mjs";

const site = new URL(callback).origin;
const db = {user: [], session: [], account: [], verification: []};
const auth = betterAuth({
	baseURL: site, basePath: "/better", secret: "s".repeat(32), database: memoryAdapter(db), logger: {disabled: true},
	socialProviders: {twitter: {clientId: keys.clientId, clientSecret: keys.clientSecret, scope: ["tweet.write"], redirectURI: `${site}/better/callback/twitter`}},
});

const cookies = answer => answer.headers.getSetCookie().map(cookie => cookie.split(";")[0]).join("; ");
const begun = await auth.api.signInSocial({body: {provider: "twitter", callbackURL: "/home", disableRedirect: true}, asResponse: true});
const back = await approve((await begun.json()).url);
const ended = await auth.handler(new Request(back, {headers: {cookie: cookies(begun)}}));
const headers = new Headers({cookie: cookies(ended)});
const session = await auth.api.getSession({headers});
const [account] = db.account;
const first = account.accessToken;
const again = await auth.api.refreshToken({headers, body: {accountId: account.id}});
await post(again.accessToken, "by better-auth");
done({id: account.accountId, name: session.user.name, refreshed: again.accessToken !== first, token: again.accessToken});
