// Loaded before each client: connections to X's hosts go to the local X, whose certificate
// NODE_EXTRA_CA_CERTS trusts. The clients themselves are unchanged.
const tls = require("node:tls");
const {webcrypto} = require("node:crypto");

globalThis.crypto ??= webcrypto; // Node 18 has it behind a flag

const hosts = /^(api|upload|www)?\.?(x|twitter)\.com$/;
const connect = tls.connect;
tls.connect = (options, ...rest) => {
	const host = options.servername || options.host;
	if (!hosts.test(host)) throw new Error(`a request to ${host}`);
	return connect.call(tls, {...options, host: "127.0.0.1", port: Number(process.env.X_PORT), servername: host}, ...rest);
};
