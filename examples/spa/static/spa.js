"use strict";

const $ = id => document.getElementById(id);
const say = text => { $("status").textContent = text; };

// Trouble is an unsuccessful response: a problem document (RFC 9457), or what is known
// without one.
class Trouble extends Error {
	constructor(status, problem) {
		super(problem.detail || problem.title || "This did not work. Try again in a moment.");
		this.status = status;
		this.problem = problem;
	}
}

async function ask(path, options = {}) {
	let answer;
	try {
		answer = await fetch(path, {...options, headers: {Accept: "application/json", ...options.headers}});
	} catch {
		throw new Trouble(0, {detail: "This site cannot be reached. Try again in a moment."});
	}
	const json = /[/+]json\b/.test(answer.headers.get("Content-Type") || "");
	const body = json ? await answer.json() : {};
	if (!answer.ok) throw new Trouble(answer.status, body);
	return body;
}

// signIn offers it, at the address that the server names.
function offerSignIn(why, loginURL) {
	$("signed-in").hidden = true;
	$("signed-out").hidden = false;
	$("account").replaceChildren();
	$("why").textContent = why;
	const link = new URL(loginURL || "/auth/login", location.origin);
	link.searchParams.set("return_to", "/");
	$("sign-in").href = link;
	say("Nobody is signed in.");
}

function failed(trouble) {
	if (!(trouble instanceof Trouble)) throw trouble;
	// Only 401 needs more than a message.
	if (trouble.status === 401) offerSignIn(trouble.message, trouble.problem.login_url);
	else say(trouble.message);
}

async function refresh() {
	const session = await ask("/auth/session");
	if (!session.signed_in) {
		offerSignIn("Sign in to see your posts here, and to write one.", session.login_url);
		return;
	}
	$("who").textContent = `Signed in as ${session.user.name} (@${session.user.username})`;
	$("sign-out").dataset.url = session.logout_url;
	$("signed-out").hidden = true;
	$("signed-in").hidden = false;
	const posts = await ask("/api/posts");
	$("posts").replaceChildren(...posts.map(text => {
		const item = document.createElement("li");
		item.textContent = text;
		return item;
	}));
	say(posts.length ? "" : "You have not posted anything yet.");
}

$("compose").addEventListener("submit", async event => {
	event.preventDefault();
	const button = event.submitter;
	if (button) button.disabled = true;
	try {
		await ask("/api/posts", {
			method: "POST",
			headers: {"Content-Type": "application/json"},
			body: JSON.stringify({text: $("text").value}),
		});
		$("text").value = "";
		await refresh();
		say("Your post is on its way.");
	} catch (trouble) {
		failed(trouble); // the text stays in the field
	} finally {
		if (button) button.disabled = false;
	}
});

$("sign-out").addEventListener("click", async event => {
	try {
		await ask(event.target.dataset.url, {method: "POST"});
		await refresh();
		$("sign-in").focus();
	} catch (trouble) {
		failed(trouble);
	}
});

// The sign-in is an ordinary link. If a window can be opened, the link opens in it instead, and
// this page keeps its text.
$("sign-in").addEventListener("click", event => {
	const there = new URL(event.currentTarget.href);
	there.searchParams.set("return_to", "/popup-done");
	if (window.open(there, "sign-in", "popup,width=520,height=720")) event.preventDefault();
});

// Two messages report that the window has come back. X may have cut the window off from this
// page (Cross-Origin-Opener-Policy); a channel of this origin still works then. Both messages
// only say "look": the server's answer identifies the signed-in user.
let looking = null;
function comeBack() {
	looking ??= refresh().catch(failed).finally(() => { looking = null; });
}
window.addEventListener("message", event => {
	if (event.origin === location.origin && event.data === "signed-in") comeBack();
});
new BroadcastChannel("sign-in").addEventListener("message", event => {
	if (event.data === "signed-in") comeBack();
});

refresh().catch(failed);
