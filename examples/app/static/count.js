// Shows how long a post is, as X counts it, while it is written. The patterns and weights are
// those of posttext.Length, with which the server counts.
"use strict";

const links = new RegExp(String.raw`(?:^|[^@\w.-])(https?://[^\s<>"]*[^\s<>".,;:!?)'\]]|(?:[a-z0-9][a-z0-9-]*\.)+(?:com|org|net|edu|gov|io|dev|app|co|me|tv|info|xyz|uk|de|fr|jp|eu)\b(?:/(?:[^\s<>"]*[^\s<>".,;:!?)'\]])?)?)`, "gi");
const emojis = new RegExp(String.raw`[\u{a9}\u{ae}\u{203c}\u{2049}\u{2122}]\u{fe0f}|[\u{1f1e6}-\u{1f1ff}]{2}|[0-9#*]\u{fe0f}?\u{20e3}|[\u{2600}-\u{27bf}\u{1f000}-\u{1faff}\u{2190}-\u{21ff}\u{2b00}-\u{2bff}\u{2300}-\u{23ff}][\u{fe0f}\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}]*(?:\u{200d}[\u{2600}-\u{27bf}\u{1f000}-\u{1faff}\u{2190}-\u{21ff}\u{2b00}-\u{2bff}\u{2300}-\u{23ff}][\u{fe0f}\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}]*)*`, "gu");

function length(text) {
	let n = 0;
	text = text.replace(links, (found, link) => {
		n += 23;
		return found.slice(0, -link.length);
	});
	text = text.replace(emojis, () => {
		n += 2;
		return "";
	});
	for (const c of text) n += weight(c.codePointAt(0));
	return n;
}

function weight(c) {
	const within = (from, to) => from <= c && c <= to;
	if (within(0x300, 0x36f)) return 0;
	return within(0, 0x10ff) || within(0x2000, 0x200d) || within(0x2010, 0x201f) || within(0x2032, 0x2037) ? 1 : 2;
}

const field = document.getElementById("text"), count = document.getElementById("count");

function show() {
	const n = length(field.value.trim());
	count.textContent = n;
	count.classList.toggle("over", n > 280);
}

field.addEventListener("input", show);
addEventListener("pageshow", show); // a browser may have filled the form in again
