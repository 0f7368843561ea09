// A second client written from the OpenAPI document alone: `client.ts URL TOKEN DIRECTORY`.
//
// Runs a swarm of 20 embedded agents through the door on TCP, follows it by server-sent events
// and by a WebSocket while it works, breaks both off and takes them up again, and prints one JSON
// object: what came of it. Node 24 runs it as it stands; it needs nothing else.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Fields = { [key: string]: any };
type Operation = { method: string; path: string; parameters: Fields[]; responses: Fields; body: boolean };
type Message = Fields & { type: string; seq?: number; kind?: string };

const [url, token, directory] = process.argv.slice(2);

class Problem extends Error {
  code: string;
  status: number;
  constructor(document: Fields) {
    super(document.detail);
    this.code = document.code;
    this.status = document.status;
  }
}

function must(holds: unknown, ...why: unknown[]): asserts holds {
  if (!holds) throw new Error(why.map((it) => (typeof it === "string" ? it : JSON.stringify(it))).join(" "));
}

/** One function for each `operationId`. */
class Api {
  operations = new Map<string, Operation>();

  static async of(): Promise<Api> {
    const api = new Api();
    const document = (await (await api.fetch("GET", "/v1/openapi.json")).json()) as Fields;
    must(document.openapi === "3.1.0", "no OpenAPI 3.1");
    const find = (thing: Fields) =>
      thing.$ref ? thing.$ref.slice(2).split("/").reduce((at: Fields, step: string) => at[step], document) : thing;
    for (const [path, methods] of Object.entries<Fields>(document.paths)) {
      for (const [method, it] of Object.entries<Fields>(methods)) {
        const parameters = (it.parameters ?? []).map(find);
        const body = "requestBody" in it;
        api.operations.set(it.operationId, { method: method.toUpperCase(), path, parameters, responses: it.responses, body });
      }
    }
    return api;
  }

  /** Path, with its parameters and query in it, and headers. */
  address(name: string, given: Fields): { path: string; headers: Fields } {
    const operation = this.operations.get(name);
    must(operation, "no operation", name);
    let { path } = operation;
    const query = new URLSearchParams();
    const headers: Fields = {};
    const known = new Set<string>();
    for (const { name: key, in: where, required } of operation.parameters) {
      known.add(key);
      const value = given[key];
      must(value !== undefined || !required, name, "needs", key);
      if (value === undefined) continue;
      if (where === "path") path = path.replace(`{${key}}`, encodeURIComponent(value));
      else if (where === "query") query.set(key, String(value));
      else headers[key] = String(value);
    }
    for (const key of Object.keys(given)) must(known.has(key), name, "knows no", key);
    return { path: query.size ? `${path}?${query}` : path, headers };
  }

  fetch(method: string, path: string, headers: Fields = {}, body?: Json, signal?: AbortSignal): Promise<Response> {
    const content = body === undefined ? {} : { "content-type": "application/json" };
    return fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...content, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  }

  async call(name: string, given: Fields = {}, body?: Json): Promise<any> {
    const operation = this.operations.get(name);
    must(operation && operation.body === (body !== undefined), name, "takes", body ? "no body" : "a body");
    const { path, headers } = this.address(name, given);
    const answer = await this.fetch(operation.method, path, headers, body);
    must(operation.responses[answer.status], name, "answers", answer.status, "which nobody described");
    const text = await answer.text();
    const document = text && (answer.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : text;
    if (!answer.ok) throw new Problem(document);
    return document;
  }

  /** Server-sent events until the caller has had enough. */
  async *streamed(given: Fields): AsyncGenerator<Message> {
    const { path, headers } = this.address("events", given);
    const enough = new AbortController();
    const answer = await this.fetch("GET", path, headers, undefined, enough.signal);
    must(answer.ok && answer.body, "events answers", answer.status);
    try {
      let text = "";
      for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + part).split("\n\n");
        text = blocks.pop() ?? "";
        for (const block of blocks) {
          const data = block.split("\n").filter((line) => line.startsWith("data: "));
          if (data.length) yield JSON.parse(data.map((line) => line.slice(6)).join("\n"));
        }
      }
    } finally {
      enough.abort();
    }
  }

  /** The same over a WebSocket. */
  async *told(given: Fields): AsyncGenerator<Message> {
    const { path } = this.address("events", given);
    // Node's own takes headers, which the browsers' does not.
    const headers = { headers: { authorization: `Bearer ${token}` } } as unknown as string[];
    const socket = new WebSocket(url.replace("http", "ws") + path, headers);
    const waiting: Message[] = [];
    let over: Error | undefined;
    let wake = () => {};
    socket.onmessage = (message) => (waiting.push(JSON.parse(message.data)), wake());
    socket.onclose = socket.onerror = () => ((over = new Error("the WebSocket is closed")), wake());
    try {
      for (;;) {
        const next = waiting.shift();
        if (next) yield next;
        else if (over) throw over;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      socket.close();
    }
  }
}

type Stream = (given: Fields) => AsyncGenerator<Message>;

/** All events of a swarm up to its end, though the stream breaks off after every 25. */
async function followed(stream: Stream, swarm: string): Promise<number[]> {
  const seqs: number[] = [];
  let since = 0;
  for (;;) {
    let left = 25;
    for await (const message of stream({ since, swarm, level: "debug" })) {
      if (message.type !== "event") continue;
      since = message.seq!;
      seqs.push(since);
      if (message.kind === "swarm_ended") return seqs;
      if (--left === 0) break;
    }
  }
}

async function refused(code: string, status: number, request: Promise<unknown>) {
  const said = await request.then(() => null, (error) => error);
  must(said instanceof Problem && said.code === code && said.status === status, code, "was not said, but", String(said));
}

const api = await Api.of();
const spec = {
  name: "twenty-more", task: "say hello", agents: 20, cwd: directory,
  adapters: [{ adapter: "mini", count: 20 }], budget: "$5", agent_budget: "$1",
};
const key = { "Idempotency-Key": "twenty-more-1" };
const swarm = await api.call("createSwarm", key, spec);
const again = await api.call("createSwarm", key, spec);
must(again.id === swarm.id, "the same request made", again.id);
await refused("conflict", 409, api.call("createSwarm", key, { ...spec, agents: 19, adapters: [{ adapter: "mini", count: 19 }] }));
const [streamed, told] = await Promise.all([
  followed((given) => api.streamed(given), swarm.id),
  followed((given) => api.told(given), swarm.id),
]);
must(String(streamed) === String(told), "two streams, two stories:", streamed, told);
const rising = told.every((seq, n) => n === 0 || seq > told[n - 1]);
must(rising, "an event came twice, or out of order:", told);
const ended = await api.call("showSwarm", { id: swarm.id, wait: 60 });
const results = await api.call("swarmResults", { id: swarm.id });
const agents = await api.call("listAgents", { swarm: swarm.id });
const costs = await api.call("costs", { by: "swarm" });
await refused("not_found", 404, api.call("showAgent", { id: "nobody" }));
await api.call("removeSwarm", { id: swarm.id });
await refused("not_found", 404, api.call("showSwarm", { id: swarm.id }));
console.log(JSON.stringify({
  state: ended.state, done: results.done, failed: results.failed, agents: agents.length,
  events: told.length, cost_micros: costs[0].cost_micros,
}));
process.exit(0);
