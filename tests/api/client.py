#!/usr/bin/env python3
"""A client written from the OpenAPI document alone: `client.py SOCKET DIRECTORY`.

It learns paths, methods and bodies from `/v1/openapi.json`, runs a swarm of 20 embedded agents
to its end, follows its events, and holds every answer to the schema that the document has for
it. Prints one JSON object: what came of it. Python's own library is all that it needs.
"""

import http.client
import json
import re
import socket
import sys
from urllib.parse import quote, urlencode


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("dash", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Problem(Exception):
    def __init__(self, document):
        super().__init__(document["detail"])
        self.code, self.status = document["code"], document["status"]


class Api:
    """One function for each `operationId`."""

    def __init__(self, socket):
        self.socket = socket
        status, kind, text = self.send("GET", "/v1/openapi.json", {}, None)
        assert (status, kind) == (200, "application/json"), (status, kind)
        self.document = json.loads(text)
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def send(self, method, path, headers, body):
        connection = Unix(self.socket)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, (answer.getheader("content-type") or "").split(";")[0], text

    def resolve(self, thing):
        while "$ref" in thing:
            found = self.document
            for step in thing["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            thing = {**found, **{key: value for key, value in thing.items() if key != "$ref"}}
        return thing

    def call(self, name, body=None, **given):
        method, path, operation = self.operations[name]
        query, headers = {}, {}
        for parameter in map(self.resolve, operation.get("parameters", [])):
            key = parameter["name"]
            if (value := given.pop(key.replace("-", "_"), None)) is None:
                assert not parameter.get("required"), f"{name} needs {key}"
            elif parameter["in"] == "path":
                path = path.replace("{%s}" % key, quote(str(value), safe=""))
            else:
                (query if parameter["in"] == "query" else headers)[key] = str(value)
        assert not given, f"{name} knows no {given}"
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            self.check(body, content["schema"], f"the body of {name}")
        address = path + ("?" + urlencode(query) if query else "")
        status, kind, text = self.send(method, address, headers, body)
        response = operation["responses"].get(str(status))
        assert response, f"{name} answers {status}, which is not in the document: {text}"
        content = self.resolve(response).get("content")
        if not content:
            assert not text, f"{name}: {text}"
            return None
        assert kind in content, f"{name} answers {kind}"
        if not kind.endswith("json") or kind.endswith("ndjson"):
            return text.decode()
        answer = json.loads(text)
        self.check(answer, content[kind]["schema"], name)
        if status >= 400:
            raise Problem(answer)
        return answer

    def events(self, **given):
        """The messages of a stream that ends."""
        content = self.operations["events"][2]["responses"]["200"]["content"]["text/event-stream"]
        for block in self.call("events", follow=0, **given).split("\n\n"):
            for line in block.splitlines():
                if line.startswith("data: "):
                    message = json.loads(line.removeprefix("data: "))
                    self.check(message, content["x-itemSchema"], "events")
                    yield message

    def check(self, value, schema, where):
        """As much of JSON Schema as the document uses."""
        if wrong := self.wrong(value, schema):
            raise AssertionError(f"{where}: {wrong}")

    def wrong(self, value, schema, at="$"):
        if schema is True:
            return None
        schema = self.resolve(schema)
        if "type" in schema:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            if not any(is_a(value, kind) for kind in kinds):
                return f"{at} is no {kinds}: {value!r:.200}"
        if "enum" in schema and value not in schema["enum"] + [None] * ("null" in schema.get("type", ())):
            return f"{at} is none of {schema['enum']}: {value!r}"
        if "const" in schema and value != schema["const"]:
            return f"{at} is not {schema['const']!r}: {value!r:.200}"
        for several in ("oneOf", "anyOf"):
            if several in schema:
                found = [self.wrong(value, choice, at) for choice in schema[several]]
                fit = found.count(None)
                if fit == 0 or (several == "oneOf" and fit > 1):
                    return f"{at} fits {fit} of {several}: {value!r:.300}: {found!r:.600}"
        for part in schema.get("allOf", []):
            if found := self.wrong(value, part, at):
                return found
        if is_a(value, "number"):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                return f"{at} is out of bounds: {value}"
        if isinstance(value, str) and schema.get("format") == "date-time":
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
                return f"{at} is no time: {value!r}"
        if isinstance(value, list):
            for n, item in enumerate(value):
                if found := self.wrong(item, schema.get("items", True), f"{at}[{n}]"):
                    return found
        if isinstance(value, dict):
            known = schema.get("properties", {})
            for key in schema.get("required", []):
                if key not in value:
                    return f"{at} has no {key}"
            for key, item in value.items():
                fits = known.get(key, schema.get("additionalProperties", True))
                if fits is False:
                    return f"{at} has {key}, which nobody described"
                if found := self.wrong(item, fits, f"{at}.{key}"):
                    return found
        return None


def is_a(value, kind):
    if kind in ("integer", "number"):
        number = isinstance(value, int) or (kind == "number" and isinstance(value, float))
        return number and not isinstance(value, bool)
    kinds = {"string": str, "array": list, "object": dict, "boolean": bool, "null": type(None)}
    return isinstance(value, kinds[kind])


def main():
    api = Api(sys.argv[1])
    spec = {
        "name": "twenty", "task": "say hello", "agents": 20, "cwd": sys.argv[2],
        "adapters": [{"adapter": "mini", "count": 20}], "budget": "$5", "agent_budget": "$1",
    }
    seen = api.call("createSwarm", spec, dry_run="true")
    assert seen["granted"], seen
    swarm = api.call("createSwarm", spec, Idempotency_Key="twenty-1")
    again = api.call("createSwarm", spec, Idempotency_Key="twenty-1")
    assert again["id"] == swarm["id"] and again["agents"]["total"] == 20, again
    try:
        api.call("createSwarm", {**spec, "task": "say something else"}, Idempotency_Key="twenty-1")
        raise AssertionError("another request under the same key was taken")
    except Problem as problem:
        assert problem.code == "conflict", problem.code
    since = api.call("pulse")["cursor"]
    while (state := api.call("showSwarm", id=swarm["id"], wait=60)["state"]) == "working":
        pass
    api.call("pulse", since=since)
    results = api.call("swarmResults", id=swarm["id"])
    agents = api.call("listAgents", swarm=swarm["id"])
    first = agents[0]["id"]
    for name in ("showAgent", "explainAgent", "agentResults", "screen", "log", "showBudget"):
        api.call(name, id=first)
    for name in ("health", "doctor", "listSwarms", "listBudgets", "prices", "listRemembered",
                 "listApprovals", "audit", "verifyAudit"):
        api.call(name)
    api.call("listItems", swarm=swarm["id"])
    costs = api.call("costs", by="swarm")
    events = list(api.events(since=0, level="debug"))
    seqs = [event["seq"] for event in events]
    assert seqs == list(range(1, len(seqs) + 1)), "an event is missing, or there twice"
    (ended,) = [event for event in events if event["kind"] == "swarm_ended"]
    try:
        api.call("showAgent", id="nobody")
        raise AssertionError("nobody is somebody")
    except Problem as problem:
        assert (problem.status, problem.code) == (404, "not_found")
    removed = api.call("removeSwarm", id=swarm["id"])
    print(json.dumps({
        "state": state, "done": results["done"], "failed": results["failed"],
        "agents": len(agents), "providers": sorted({agent["provider"] for agent in agents}),
        "cost_micros": costs[0]["cost_micros"], "events": len(events), "told": ended["done"],
        "kept": removed["kept"],
    }))


if __name__ == "__main__":
    main()
