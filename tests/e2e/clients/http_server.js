// SPDX-License-Identifier: Apache-2.0
// An HTTP server that stops at SIGTERM as most do: server.close(), and it is gone once its connections are.
//
// usage: node http_server.js ADDRESS PORT
const server = require("http").createServer((request, response) => response.end("node\n"));
server.listen(Number(process.argv[3]), process.argv[2], () => console.log("listening"));
process.on("SIGTERM", () => server.close());
