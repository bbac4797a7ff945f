import {createInterface} from "node:readline";

export const keys = JSON.parse(process.env.X_KEYS);
export const callback = process.env.X_CALLBACK;
export const scopes = ["tweet.read", "tweet.write", "users.read", "offline.access"];

const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();

// approve has the test open a consent page, and returns the URL of the callback.
export async function approve(url) {
	console.log(`approve ${url}`);
	return new URL((await lines.next()).value);
}

// done tells the test who signed in, what was posted, and the last access token.
export function done(result) {
	console.log(`done ${JSON.stringify(result)}`);
	process.exit(0);
}

// post is for libraries that sign in and do no more.
export async function post(token, text) {
	const answer = await fetch("https://api.x.com/2/tweets", {
		method: "POST",
		headers: {Authorization: `Bearer ${token}`, "Content-Type": "application/json"},
		body: JSON.stringify({text}),
	});
	if (answer.status !== 201) throw new Error(`post: ${answer.status} ${await answer.text()}`);
}
