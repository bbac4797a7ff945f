import {createServer} from "node:http";
import {Auth} from "@auth/core";
import Twitter from "@auth/core/providers/twitter";

const x = process.env.X_API_URL ?? "http://127.0.0.1:9090";
const site = process.env.SITE_URL ?? "http://localhost:3000";

const config = {
	basePath: "/auth",
	trustHost: true,
	secret: process.env.AUTH_SECRET ?? "only for trying it out, 32 bytes",
	providers: [Twitter({
		clientId: process.env.X_CLIENT_ID,
		clientSecret: process.env.X_CLIENT_SECRET,
		// Without these three lines it is X itself.
		authorization: `${x}/i/oauth2/authorize?scope=users.read tweet.read offline.access`,
		token: `${x}/2/oauth2/token`,
		userinfo: `${x}/2/users/me?user.fields=profile_image_url`,
	})],
};

createServer(async (req, res) => {
	const body = req.method === "POST" ? Buffer.concat(await req.toArray()) : undefined;
	const ask = path => new Request(site + path, {method: req.method, headers: new Headers(Object.entries(req.headers)), body});
	if (req.url.startsWith("/auth/")) {
		const answer = await Auth(ask(req.url), config);
		res.writeHead(answer.status, [...answer.headers].flat());
		res.end(Buffer.from(await answer.arrayBuffer()));
		return;
	}
	const session = await (await Auth(ask("/auth/session"), config)).json();
	res.setHeader("Content-Type", "text/plain; charset=utf-8");
	res.end(session?.user ? `Hello, ${session.user.name}` : `You are not signed in. Open ${site}/auth/signin`);
}).listen(new URL(site).port, "127.0.0.1", () => console.log(`Ready: ${site}`));
