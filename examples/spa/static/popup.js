"use strict";

if (window.opener) window.opener.postMessage("signed-in", location.origin);
new BroadcastChannel("sign-in").postMessage("signed-in");
// A window that no script opened stays open, with its link.
window.close();
