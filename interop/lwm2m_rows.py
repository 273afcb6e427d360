"""LwM2M over DTLS, from registration to observation, beside Leshan and Californium."""

import contextlib
import os
import shutil
import subprocess
import sys

import dtls
from dtls import Scandium
from harness import Program, free_port
from rows import row

TARGET = sys.argv[1]
FOLDER = os.path.join(TARGET, "interop-credentials")
SECONDS = 40
# The credential, and the endpoint that has it on our server.
MODES = [("psk", "device-psk"), ("rpk", "device-rpk"), ("x509", "device-1")]


def ours(*arguments):
    return Program(os.path.join(TARGET, "release", "lwm2m-peer"), *map(str, arguments))


def leshan(*arguments):
    return Program(*dtls.java(TARGET, *map(str, arguments)))


class Manages:
    """A server that manages a device: both are driven by the same lines, whoever they are of."""

    def __init__(self, server, device, ep):
        self.server, self.device, self.ep = server, device, ep

    def registers(self):
        try:
            self.device.expect("^registered", SECONDS)
            self.server.expect(f"^registered {self.ep}", SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}; the server said {self.server.heard()}") from None

    def ask(self, line, answer):
        command, rest = line.split(" ", 1)
        self.server.say(f"{command} {self.ep} {rest}")
        return self.server.expect(answer, SECONDS)

    def everything(self):
        self.ask("read /3/0", "^CONTENT")
        self.ask("read /3303/0/5700", "^CONTENT.*21.5")
        self.ask("write /3/0/15 Europe/Paris", "^CHANGED")
        self.ask("read /3/0/15", "^CONTENT.*Europe/Paris")
        self.ask("execute /3/0/4", "^CHANGED")
        self.device.expect("^executed", SECONDS)
        self.ask("observe /3303/0/5700", "^CONTENT.*21.5")
        self.change(22.5)
        self.device.say("update")
        self.server.expect(f"^updated {self.ep}", SECONDS)

    def change(self, value):
        self.device.say(f"set {value}")
        self.server.expect(f"^notified /3303/0/5700 .*{value}", SECONDS)

    def leaves(self):
        self.device.say("stop")
        self.server.expect(f"^deregistered {self.ep}", SECONDS)


@row(Scandium, times=[(*mode, cid) for mode in MODES for cid in ("none", 6)])
def our_server_manages_a_leshan_device(mode, ep, cid):
    port, front = free_port(), free_port()
    words = [] if cid == "none" else [f"cid={cid}"]
    with ours("server", port, FOLDER) as server, contextlib.ExitStack() as programs:
        server.expect("^ready", SECONDS)
        proxy = programs.enter_context(
            Program(os.path.join(TARGET, "release", "udp-proxy"), f"127.0.0.1:{front}", f"127.0.0.1:{port}")
        )
        proxy.expect("^ready")
        uri = f"coaps://localhost:{front}"
        device = programs.enter_context(leshan("device", uri, FOLDER, mode, f"ep={ep}", *words))
        manages = Manages(server, device, ep)
        manages.registers()
        manages.everything()
        if cid != "none":
            # The NAT forgets the device: with a connection id its next notification is its own all the same.
            proxy.say("rebind")
            proxy.expect("^rebound")
            manages.change(23.5)
            assert any(line.startswith("session.moved") for line in server.seen), server.seen
            manages.ask("read /3303/0/5700", "^CONTENT.*23.5")
        manages.leaves()


@row(Scandium, times=[(*mode, cid) for mode in MODES for cid in (0, 6)])
def a_leshan_server_manages_our_device(mode, ep, cid):
    port = free_port()
    words = [f"cid={cid}", "mode=rpk" if mode == "rpk" else "mode=x509", "psk=device-psk", "x509=device-1"]
    with leshan("server", port, FOLDER, *words) as server:
        server.expect("^ready", SECONDS)
        with ours("device", port, FOLDER, mode, f"ep={ep}", "lt=300") as device:
            manages = Manages(server, device, ep)
            manages.registers()
            manages.everything()
            if cid:
                device.say("rebind")
                manages.change(23.5)
                # Leshan asks where the registration came from, and that only an Update moves.
                device.say("update")
                server.expect(f"^updated {ep}", SECONDS)
                manages.ask("read /3303/0/5700", "^CONTENT.*23.5")
            manages.leaves()


@row(times=MODES)
def our_server_manages_our_device(mode, ep):
    port = free_port()
    with ours("server", port, FOLDER) as server:
        server.expect("^ready", SECONDS)
        with ours("device", port, FOLDER, mode, f"ep={ep}", "lt=300") as device:
            manages = Manages(server, device, ep)
            manages.registers()
            manages.everything()
            device.say("rebind")
            manages.change(23.5)
            manages.leaves()


class LibCoap:
    """libcoap's client with one of its two libraries below."""

    name, package = "libcoap", "libcoap3-bin"

    def __init__(self, target, credentials):
        pass

    def present(self):
        return shutil.which("coap-client-gnutls") and shutil.which("coap-client-openssl")


def libcoap(library, mode, *arguments):
    def file(name):
        return os.path.join(FOLDER, name)

    with open(file("psk.text")) as text:
        key = text.read()
    credentials = {
        "psk": ["-u", "device-1", "-k", key],
        "rpk": ["-M", file("client.rpk")],
        "x509": ["-c", file("client.pem"), "-j", file("client.key"), "-C", file("ca.pem")],
    }[mode]
    command = [f"coap-client-{library}", "-B", "20", *credentials, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode(errors="replace")


# Above OpenSSL it has no raw public keys.
@row(LibCoap, times=[("gnutls", *mode) for mode in MODES] + [("openssl", *mode) for mode in MODES if mode[0] != "rpk"])
def libcoap_registers_on_our_server(library, mode, ep):
    port = free_port()
    with ours("server", port, FOLDER) as server:
        server.expect("^ready", SECONDS)
        uri = f"coaps://localhost:{port}"
        links = ["-t", "40", "-e", "<%2f1%2f0>,<%2f3%2f0>"]
        libcoap(library, mode, "-m", "post", *links, f"{uri}/rd?ep={ep}&lt=300&lwm2m=1.1&b=U")
        location = server.expect(f"^registered {ep} (/rd/\\S+)", SECONDS).group(1)
        # Each command is a session of its own; the identity is the same.
        libcoap(library, mode, "-m", "post", f"{uri}{location}?lt=600")
        server.expect(f"^updated {ep}", SECONDS)
        # Somebody else's name is not given away by a good credential.
        said = libcoap(library, mode, "-m", "post", *links, f"{uri}/rd?ep=another&lt=300&lwm2m=1.1&b=U")
        assert "4.03" in said, said
        libcoap(library, mode, "-m", "delete", f"{uri}{location}")
        server.expect(f"^deregistered {ep}", SECONDS)


@row(Scandium, times=MODES)
def californium_registers_on_our_server(mode, ep):
    port = free_port()
    with ours("server", port, FOLDER) as server:
        server.expect("^ready", SECONDS)
        with leshan("coap", "client", port, FOLDER, f"{mode}-ccm8", "cid=6") as client:
            client.expect("^ready", SECONDS)
            client.say(f"post /rd?ep={ep}&lt=300&lwm2m=1.1&b=U </1/0>,</3/0>")
            location = client.expect(r"^2\.01 \d+ /?(/rd/\S+)", SECONDS).group(1)
            server.expect(f"^registered {ep}", SECONDS)
            client.say(f"post {location}?lt=600")
            client.expect(r"^2\.04", SECONDS)
            server.expect(f"^updated {ep}", SECONDS)
            client.say("post /rd?ep=another&lt=300&lwm2m=1.1&b=U </1/0>")
            client.expect(r"^4\.03", SECONDS)
            client.say(f"delete {location}")
            client.expect(r"^2\.02", SECONDS)
            server.expect(f"^deregistered {ep}", SECONDS)
