// MCP over HTTP in front of a server that speaks it over stdin and stdout: `bridge.mjs PROGRAM
// ARG…`. Each session has a server of its own. Passes every message on as it is, both ways, and
// prints its address first. For tools that only speak HTTP.

import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

const [command, ...args] = process.argv.slice(2);
const sessions = new Map();

async function open() {
  const inner = new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
  const outer = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, outer),
    enableDnsRebindingProtection: true,
    allowedHosts: [`localhost:${port()}`, `127.0.0.1:${port()}`],
    allowedOrigins: [`http://localhost:${port()}`, `http://127.0.0.1:${port()}`],
  });
  outer.onmessage = (message) => inner.send(message);
  // An answer finds its stream by its id; what came unasked goes to the stream that listens.
  inner.onmessage = (message) => outer.send(message);
  outer.onclose = () => (sessions.delete(outer.sessionId), inner.close());
  inner.onclose = () => outer.close();
  await inner.start();
  await outer.start();
  return outer;
}

const server = createServer(async (request, response) => {
  const known = sessions.get(request.headers["mcp-session-id"]);
  await (known ?? (await open())).handleRequest(request, response);
});
const port = () => server.address().port;
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${port()}/mcp`));
