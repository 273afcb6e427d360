"""Our programs as an operator runs them: the server with its HTTP API, the client with its console, the command line."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

from harness import Program, free_port

TOKEN = "interop-token-that-is-long-enough"


class Server(Program):
    """`lwm2m-server` on free ports, and its HTTP API."""

    def __init__(self, binaries, *flags, coaps="127.0.0.1"):
        self.coap, self.coaps, http = free_port(), free_port(), free_port(socket.SOCK_STREAM)
        self.api = f"http://127.0.0.1:{http}"
        super().__init__(
            f"{binaries}/lwm2m-server",
            *("--coap", f"127.0.0.1:{self.coap}"),
            *("--coaps", f"{coaps}:{self.coaps}"),
            *("--http", f"127.0.0.1:{http}"),
            *flags,
            env={"LWM2M_ADMIN_TOKEN": TOKEN},
        )
        self.wait_for(self.ready)

    def ready(self):
        assert self.process.poll() is None, self.heard()
        try:
            return urllib.request.urlopen(self.api + "/readyz", timeout=5)
        except OSError:
            return None

    def open(self, method, path, body=None, accept="application/json", seconds=60):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + "/api/v1" + path, data, method=method)
        request.add_header("Authorization", "Bearer " + TOKEN)
        request.add_header("Accept", accept)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        return urllib.request.urlopen(request, timeout=seconds)

    def ask(self, method, path, body=None):
        """Status and JSON of an API call."""
        try:
            with self.open(method, path, body) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text else None

    def get(self, path):
        status, body = self.ask("GET", path)
        assert status == 200, (path, status, body)
        return body

    def done(self, method, path, body=None):
        """An API call that succeeds; its JSON."""
        status, answer = self.ask(method, path, body)
        assert status in (200, 201, 204), (method, path, status, answer)
        return answer

    def wait_for(self, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := what():
                return found
            time.sleep(0.05)
        raise AssertionError(f"it does not come true in time; the server said {self.heard()}")

    def endpoints(self):
        return [item["ep"] for item in self.get("/devices")["items"]]

    def device(self, ep):
        """A device that registers in time."""
        return self.wait_for(lambda: dict([self.ask("GET", f"/devices/{ep}")]).get(200))

    def event(self, kind, seconds=60, **wanted):
        """The first event of this type, since the start, whose members and data are these."""
        end = time.monotonic() + seconds
        others = []
        # The stream is kept alive by empty lines, for longer than anybody waits here.
        with self.open("GET", f"/events?since=0&type={kind}", accept="application/x-ndjson", seconds=seconds) as stream:
            try:
                for line in stream:
                    if time.monotonic() > end:
                        break
                    if not line.strip():
                        continue
                    event = json.loads(line)
                    facts = {**event, **(event["data"] or {})}
                    if all(facts.get(name) == value for name, value in wanted.items()):
                        return event
                    others.append(event)
            except TimeoutError:
                pass
        raise AssertionError(f"no {kind} with {wanted}, but {others[-3:]}; the server said {self.heard()}")


class Shell(Program):
    """A command line as a person pastes it. All that it starts ends with it."""

    own_group = True

    def __init__(self, line, *folders, env=None):
        path = os.pathsep.join([*folders, os.environ["PATH"]])
        super().__init__("sh", "-c", line, env={**(env or {}), "PATH": path})


def cli(binaries, server, *arguments, given=None):
    """`lwm2m`, against the API; its output."""
    done = subprocess.run(
        [f"{binaries}/lwm2m", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LWM2M_URL": server.api, "LWM2M_ADMIN_TOKEN": TOKEN},
    )
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout
