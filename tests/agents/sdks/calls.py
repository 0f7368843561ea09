"""Calls of the official SDKs, one line of JSON each with what came of it. `one`: only the first
call of each SDK. Addresses and keys come from the environment, as the SDKs themselves want it."""

import json
import sys

import anthropic
import openai

claude, gpt = anthropic.Anthropic(), openai.OpenAI()
TEXT = "grüße an \U0001f40c \\ \"quoted\"\n\t" + "and so on " * 40
SCHEMA = {"type": "object", "properties": {"file_id": {"type": "string"}}, "required": []}
MESSAGES = {
    "model": "claude-opus-4-5",
    "max_tokens": 16000,
    "system": [{"type": "text", "text": TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [{"role": "user", "content": TEXT}],
    "tools": [{"name": "look", "description": "looks", "input_schema": SCHEMA}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "metadata": {"user_id": "somebody"},
    "extra_headers": {"anthropic-beta": "one-2026-01-01,two-2026-01-01", "x-own": "1"},
    "extra_body": {"nobody_knows": {"b": [1, 2.50, None], "a": "\u00e9"}},
}
CHAT = {
    "model": "gpt-5",
    "max_completion_tokens": 9000,
    "messages": [{"role": "system", "content": TEXT}, {"role": "user", "content": "hello"}],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
    "reasoning_effort": "low",
    "extra_body": {"nobody_knows": True},
}
RESPONSES = {
    "model": "gpt-5",
    "max_output_tokens": 9000,
    "instructions": TEXT,
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
    "reasoning": {"effort": "low", "summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
}


def plain(value):
    return value.model_dump(mode="json", warnings=False)


def streamed():
    with claude.messages.stream(**MESSAGES) as stream:
        kinds = [event.type for event in stream]
        return [kinds, plain(stream.get_final_message())]


def counted():
    asked = {name: MESSAGES[name] for name in ("model", "messages", "system", "tools")}
    return plain(claude.messages.count_tokens(**asked))


def chunks(**more):
    return [plain(chunk) for chunk in gpt.chat.completions.create(**CHAT, stream=True, **more)]


FIRST = {
    "messages": lambda: plain(claude.messages.create(**MESSAGES)),
    "chat": lambda: plain(gpt.chat.completions.create(**CHAT)),
    "responses": lambda: plain(gpt.responses.create(**RESPONSES)),
}
REST = {
    "messages, streamed": streamed,
    "tokens counted": counted,
    "chat, streamed": chunks,
    "chat, streamed with usage": lambda: chunks(stream_options={"include_usage": True}),
    "responses, streamed": lambda: [
        plain(event) for event in gpt.responses.create(**RESPONSES, stream=True)
    ],
}

for name, call in (FIRST if "one" in sys.argv else {**FIRST, **REST}).items():
    try:
        said = call()
    except (anthropic.APIError, openai.APIError) as error:
        said = {"class": type(error).__name__, "status": error.status_code, "message": str(error)}
    print(json.dumps({"call": name, "said": said}), flush=True)
