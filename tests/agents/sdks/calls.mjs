// The same calls as in calls.py, of the SDKs for TypeScript.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const claude = new Anthropic();
const gpt = new OpenAI();
const text = 'grüße an \u{1f40c} \\ "quoted"\n\t' + "and so on ".repeat(40);
const schema = { type: "object", properties: { file_id: { type: "string" } }, required: [] };
const messages = {
  model: "claude-opus-4-5",
  max_tokens: 16000,
  system: [{ type: "text", text, cache_control: { type: "ephemeral", ttl: "1h" } }],
  messages: [{ role: "user", content: text }],
  tools: [{ name: "look", description: "looks", input_schema: schema }],
  thinking: { type: "enabled", budget_tokens: 1024 },
  metadata: { user_id: "somebody" },
  nobody_knows: { b: [1, 2.5, null], a: "\u00e9" },
};
const own = { headers: { "anthropic-beta": "one-2026-01-01,two-2026-01-01", "x-own": "1" } };
const chat = {
  model: "gpt-5",
  max_completion_tokens: 9000,
  messages: [
    { role: "system", content: text },
    { role: "user", content: "hello" },
  ],
  tools: [{ type: "function", function: { name: "look", parameters: schema } }],
  reasoning_effort: "low",
  nobody_knows: true,
};
const responses = {
  model: "gpt-5",
  max_output_tokens: 9000,
  instructions: text,
  input: [{ role: "user", content: [{ type: "input_text", text: "hello" }] }],
  reasoning: { effort: "low", summary: "auto" },
  store: false,
  include: ["reasoning.encrypted_content"],
};

async function all(stream) {
  const found = [];
  for await (const one of await stream) found.push(one);
  return found;
}

async function streamed() {
  const stream = claude.messages.stream(messages, own);
  return [await all(stream), await stream.finalMessage()];
}

function counted() {
  const { model, system, tools } = messages;
  return claude.messages.countTokens({ model, messages: messages.messages, system, tools });
}

const first = {
  messages: () => claude.messages.create(messages, own),
  chat: () => gpt.chat.completions.create(chat),
  responses: () => gpt.responses.create(responses),
};
const rest = {
  "messages, streamed": streamed,
  "tokens counted": counted,
  "chat, streamed": () => all(gpt.chat.completions.create({ ...chat, stream: true })),
  "chat, streamed with usage": () =>
    all(
      gpt.chat.completions.create({
        ...chat,
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  "responses, streamed": () => all(gpt.responses.create({ ...responses, stream: true })),
};

const calls = process.argv.includes("one") ? first : { ...first, ...rest };
for (const [call, ask] of Object.entries(calls)) {
  let said;
  try {
    said = await ask();
  } catch (error) {
    if (!(error instanceof Anthropic.APIError || error instanceof OpenAI.APIError)) throw error;
    said = { class: error.constructor.name, status: error.status, message: error.message };
  }
  console.log(JSON.stringify({ call, said }));
}
