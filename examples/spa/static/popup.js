"use strict";

if (window.opener) window.opener.postMessage("signed-in", location.origin);
new BroadcastChannel("sign-in").postMessage("signed-in");
// A window that no script has opened stays, with its link.
window.close();
