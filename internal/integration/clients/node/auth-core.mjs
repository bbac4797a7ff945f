import {Auth} from "@auth/core";
import Twitter from "@auth/core/providers/twitter";
import {approve, callback, done, keys, post, scopes} from "./lib.mjs";

const site = new URL(callback).origin;
let token = "";
const config = {
	basePath: "/auth", trustHost: true, secret: "s".repeat(32),
	providers: [Twitter({
		clientId: keys.clientId, clientSecret: keys.clientSecret,
		authorization: `https://x.com/i/oauth2/authorize?scope=${scopes.join(" ")}`,
	})],
	callbacks: {jwt: ({token: t, account}) => { token = account?.access_token ?? token; return t; }},
};

const jar = new Map();
async function visit(path, form) {
	const headers = {cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ")};
	const answer = await Auth(new Request(site + path, {method: form ? "POST" : "GET", headers, body: form && new URLSearchParams(form)}), config);
	for (const cookie of answer.headers.getSetCookie()) {
		const [name, value] = cookie.split(";")[0].split(/=(.*)/s);
		jar.set(name, value);
	}
	return answer;
}

const {csrfToken} = await (await visit("/auth/csrf")).json();
const begun = await visit("/auth/signin/twitter", {csrfToken, callbackUrl: site});
const back = await approve(begun.headers.get("location"));
await visit(back.pathname + back.search);
const session = await (await visit("/auth/session")).json();
await post(token, "by @auth/core");
done({name: session.user.name, token});
