#!/usr/bin/env python3
"""Holds a running core to its OpenAPI document: `run.py DASH [SCHEMATHESIS'S ARGUMENTS]`.

Starts a core in a world of its own, gives it something of each kind to be asked about, and lets
schemathesis ask; first on an agent's own socket, then on the user's. Schemathesis speaks TCP
only: a relay on loopback stands between. It bounds what would never end: no `wait` is longer
than a moment, and a stream is over when nothing more of it has come for one.
"""

import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[2] / "assets/openapi.json"
MOMENT = 0.1
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
HOP = {"connection", "transfer-encoding", "content-length", "host", "accept-encoding", "keep-alive"}


class Connection(http.client.HTTPConnection):
    """To a Unix socket."""

    def __init__(self, path, timeout=30):
        super().__init__("dash", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def _validate_path(self, url):
        """Whatever it is, the core is to answer it."""


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target, token = "", ""

    def relay(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = re.sub(r"([?&]wait)=\d+", r"\1=0", self.path)
        connection = Connection(self.target)
        connection.putrequest(self.command, path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                connection.putheader(name, value)
        if self.token:
            connection.putheader("authorization", f"Bearer {self.token}")
        if body or self.command in ("POST", "PATCH", "PUT"):
            connection.putheader("content-length", str(len(body)))
        try:
            connection.endheaders(body or None)
        except BrokenPipeError:
            pass  # A body that is refused is not read to its end.
        to_core = connection.sock
        answer = connection.getresponse()
        if answer.getheader("transfer-encoding") == "chunked":
            to_core.settimeout(MOMENT)
        found = b""
        try:
            while piece := answer.read1(65536):
                found += piece
        except TimeoutError:
            pass
        connection.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(found)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = do_TRACE = do_QUERY = relay

    def log_message(self, *_):
        pass


def relay(target, token=""):
    handler = type("Bound", (Relay,), {"target": str(target), "token": token})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


class World:
    def __init__(self, root, dash):
        self.root, self.dash = pathlib.Path(root), dash
        for name in ("home", "config/dash", "state", "data", "cache", "run", "tmp", "work"):
            (self.root / name).mkdir(parents=True, mode=0o700)
        (self.root / "config/dash/config.toml").write_text("[core]\nidle_exit_seconds = 600\n")
        self.socket = self.root / "run/d.sock"
        at = lambda name: str(self.root / name)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": at("home"), "TMPDIR": at("tmp"),
            "XDG_CONFIG_HOME": at("config"), "XDG_STATE_HOME": at("state"),
            "XDG_DATA_HOME": at("data"), "XDG_CACHE_HOME": at("cache"),
            "XDG_RUNTIME_DIR": at("run"), "LANG": "C.UTF-8", "TERM": "dumb",
        }

    def start(self):
        self.log = open(self.root / "core.log", "wb")
        self.core = subprocess.Popen(
            [self.dash, "--socket", str(self.socket)], env=self.environment,
            cwd=self.root / "work", stdout=self.log, stderr=self.log,
        )
        until = time.monotonic() + 30
        while True:
            try:
                return self.ask("GET", "/v1/health")
            except (FileNotFoundError, ConnectionRefusedError):
                if self.core.poll() is not None or time.monotonic() > until:
                    sys.exit(f"no core: {self.said()}")
                time.sleep(0.02)

    def said(self):
        return (self.root / "core.log").read_text(errors="replace")

    def ask(self, method, path, body=None, where=None, token=""):
        connection = Connection(str(where or self.socket))
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None

    def swarm(self, *command, agents=1):
        spec = {
            "task": "be asked about", "agents": agents, "cwd": str(self.root / "work"),
            "adapters": [{"adapter": "command"}], "command": list(command), "budget": "$1",
            "path": self.environment["PATH"], "max": agents,
        }
        return self.ask("POST", "/v1/swarms", spec)["id"]

    def furnish(self):
        """sw-1 goes on, sw-2 is over, sw-3 and sw-4 are there to be changed and removed."""
        assert self.swarm("sh", "-c", "echo hello; exec sleep 6060", agents=2) == "sw-1"
        for name in ("sw-2", "sw-4"):
            made = self.swarm("echo", "done")
            self.ask("GET", f"/v1/swarms/{made}?wait=30")
            if name == "sw-2":
                assert self.swarm("sleep", "6061") == "sw-3"
        agent = self.ask("GET", "/v1/agents/ag-01")
        while agent["state"] not in ("working", "idle"):
            agent = self.ask("GET", "/v1/agents/ag-01")
        (spec,) = (self.root / "state").glob(f"**/{agent['attempt_id']}/spec.json")
        spec = json.loads(spec.read_text())
        self.own = (spec["agent_socket"], spec["token"])
        question = {"kind": "escalation", "key": "k", "text": "Which one?"}
        self.ask("POST", "/v1/approvals", question, *self.own)

    def end(self):
        if self.core.poll() is None:
            self.ask("POST", "/v1/shutdown", {"agents": True})
            try:
                self.core.wait(30)
            except subprocess.TimeoutExpired:
                self.core.send_signal(signal.SIGINT)
                self.core.wait(30)


def conform(url, *more):
    return subprocess.call([
        sys.executable, "-B", "-m", "schemathesis.cli", "--no-color",
        "--config-file", str(HERE / "schemathesis.toml"),
        "run", str(DOCUMENT), "--url", url, "--checks", CHECKS, "--seed", "7",
        "--request-timeout", "40", "--exclude-operation-id", "shutdown", "--warnings", "off", *more,
    ])


def main():
    dash, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="dc", ignore_cleanup_errors=True) as root:
        world = World(root, os.path.abspath(dash))
        os.chdir(world.root / "tmp")
        world.start()
        try:
            world.furnish()
            inside = ["--phases", "examples,fuzzing", "--max-examples", "3"]
            failed = conform(relay(*world.own), *inside)
            failed |= conform(relay(world.socket), *(more or ["--max-examples", "6"]))
            world.ask("GET", "/v1/health")
        finally:
            world.end()
        if "panicked" in world.said():
            sys.exit(world.said())
        sys.exit(failed)


if __name__ == "__main__":
    main()
