"""Processes whose lines are waited for, and the ports that they take."""

import contextlib
import itertools
import os
import queue
import random
import re
import signal
import socket
import subprocess
import threading
import time


# Below what the kernel gives to those who ask for none, so that nobody's own socket takes a port that is promised.
_ports = itertools.count(random.randrange(12_000, 24_000))
_pairs = itertools.count(random.randrange(14_000, 15_000))


def free_port(kind=socket.SOCK_DGRAM):
    """A port that is free on this host, and promised to nobody else of this process."""
    while True:
        port = next(_ports)
        if is_free(port, kind):
            return port


def free_pair():
    """A port of which the next one is free too."""
    while True:
        port = next(_pairs) * 2
        if is_free(port) and is_free(port + 1):
            return port


def is_free(port, kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def wait_bound(port, seconds=15):
    """Waits until somebody holds a UDP port of this host."""
    wanted = f":{port:04X}"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            with open(table) as lines:
                if any(line.split()[1].endswith(wanted) for line in lines):
                    return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on port {port}")


class Program:
    """A process whose lines are waited for."""

    # Whether what it starts ends with it.
    own_group = False

    def __init__(self, *command, env=None):
        self.name = os.path.basename(command[0])
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            start_new_session=self.own_group,
        )
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def expect(self, pattern, seconds=15):
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"{self.name}: no line like {pattern[:200]!r}; it said {self.heard()}")
            self.seen.append(line)
            if found := re.search(pattern, line):
                return found

    def heard(self):
        """The last lines, also those that nobody waited for."""
        while not self.lines.empty():
            self.seen.append(self.lines.get() or "")
        return [line[:200] for line in self.seen[-12:]]

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        if self.own_group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
