"""Our server program over DTLS, with credentials from its API and its command line, beside devices of other makes."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import dtls
from dtls import GnuTls, OpenSsl, Scandium
from harness import Program, free_port
from programs import Server, Shell, cli
from rows import SEEDS, row

TARGET = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
BINARIES = os.path.join(TARGET, "release")
FOLDER = os.path.join(TARGET, "interop-credentials")
# For a machine on which sixteen virtual machines of Java start at once, and more.
SECONDS = 100
MODES = [("psk",), ("rpk",), ("x509",)]
# What raw public keys, and certificates too, ask of the server. The keys of devices come by the API, never by a file.
RPK = ["--identity-key", os.path.join(FOLDER, "server.key")]
X509 = [*RPK, "--identity-cert", os.path.join(FOLDER, "server.pem"), "--trust", os.path.join(FOLDER, "ca.pem")]
OTHER_KEY = "00112233445566778899aabbccddeeff"
LOSSY = ["drop=5", "delay=5", "duplicate=5"]
LINKS = ["-t", "40", "-e", "</1/0>,</3/0>"]


class LibCoap:
    """libcoap's programs, with one of its two libraries below or with none."""

    name, package = "libcoap", "libcoap3-bin"

    def present(self):
        return all(shutil.which(f"coap-{program}-gnutls") for program in ("client", "rd"))


class TinyDtls:
    """aiocoap over TinyDTLS."""

    name, package = "tinydtls", "DTLSSocket"

    def present(self):
        return subprocess.run([sys.executable, "-c", "import aiocoap, DTLSSocket"], capture_output=True).returncode == 0


def file(name):
    return os.path.join(FOLDER, name)


def content(name):
    with open(file(name)) as text:
        return text.read()


def server(*flags, **how):
    return Server(BINARIES, *(flags or X509), **how)


def leshan(*arguments):
    return Program(*dtls.java(TARGET, *map(str, arguments)))


@contextlib.contextmanager
def proxy(port, *words):
    """A way to a port of this host that may be bad; the proxy, and the port in front of it."""
    front = free_port()
    ways = [f"127.0.0.1:{front}", f"127.0.0.1:{port}"]
    with Program(os.path.join(BINARIES, "udp-proxy"), *ways, *words) as between:
        between.expect("^ready")
        yield between, front


def libcoap(library, *arguments):
    command = [f"coap-client-{library}", "-B", "20", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode(errors="replace")


def shown(mode):
    """How libcoap shows a credential of ours."""
    return {
        "psk": ["-u", "device-1", "-k", content("psk.text")],
        "rpk": ["-M", file("client.rpk")],
        "x509": ["-c", file("client.pem"), "-j", file("client.key"), "-C", file("ca.pem")],
    }[mode]


def credential(mode):
    """The same, as the API is told of it."""
    return {
        "psk": {"mode": "psk", "identity": "device-1", "key": "hex:" + content("psk.key")},
        "rpk": {"mode": "rpk", "public_key": content("client.pub")},
        "x509": {"mode": "x509", "name": "device-1"},
    }[mode]


# ---- who may come in


@row(Scandium, times=[(*mode, way) for mode in MODES for way in ("api", "cli")])
def the_server_manages_a_leshan_device(mode, way):
    ep = "pump"
    with server() as ours, proxy(ours.coaps) as (between, front):
        if way == "api":
            ours.done("PUT", f"/devices/{ep}/credentials", credential(mode))
        else:
            given = {"psk": "hex:" + content("psk.key") + "\n"}.get(mode)
            words = {
                "psk": ["--identity", "device-1", "--key-file", "-"],
                "rpk": ["--public-key", file("client.pub.der")],
                "x509": ["--name", "device-1"],
            }
            cli(BINARIES, ours, "credentials", "set", ep, mode, *words[mode], given=given)
        with leshan("device", f"coaps://localhost:{front}", FOLDER, mode, f"ep={ep}", "cid=6") as device:
            device.expect("^registered", SECONDS)
            facts = ours.device(ep)
            assert facts["security"] == mode and facts["session"]["connection_id"], facts
            objects = f"/devices/{ep}/objects"
            assert ours.get(f"{objects}/3/0")["resources"]["0"]["value"] == "Leshan"
            assert ours.get(f"{objects}/3303/0/5700")["value"] == 21.5
            ours.done("PUT", f"{objects}/3/0/15", {"value": "Europe/Paris"})
            device.expect("^written Europe/Paris", SECONDS)
            ours.done("POST", f"{objects}/3/0/4:execute")
            device.expect("^executed 4", SECONDS)
            ours.done("POST", f"/devices/{ep}/observations", {"path": "/3303/0/5700"})
            device.say("set 22.5")
            ours.wait_for(lambda: observed(ours, ep) == 22.5)
            # The NAT forgets the device, and its connection id is enough.
            between.say("rebind")
            between.expect("^rebound")
            device.say("set 23.5")
            ours.wait_for(lambda: observed(ours, ep) == 23.5)
            ours.event("session.moved", mode=mode)
            assert ours.get(f"{objects}/3303/0/5700")["value"] == 23.5

            # Without its credential it is nobody at once, and comes in no more.
            if way == "api":
                ours.done("DELETE", f"/devices/{ep}/credentials")
            else:
                cli(BINARIES, ours, "credentials", "remove", ep)
            assert ours.ask("GET", f"/devices/{ep}")[0] == 404
            ours.event("registration.removed", ep=ep, reason="revoked")
            ours.event("session.closed", mode=mode, reason="revoked")
            device.say("update")
            if mode == "x509":
                # The authority is trusted, the name is not the endpoint's.
                ours.event("registration.refused", ep=ep, coap_code="4.03")
                device.expect("^failed register FORBIDDEN", SECONDS)
            else:
                reason = {"psk": "unknown_psk_identity", "rpk": "unknown_raw_public_key"}[mode]
                ours.event("handshake.failed", reason=reason)
                device.expect("^failed register", SECONDS)
            assert ours.endpoints() == []


@row(Scandium, OpenSsl, times=MODES)
def a_device_whose_session_is_gone_is_called(mode):
    # Both change roles, so certificates have to be for both.
    both = ["--identity-key", file("both.key"), "--identity-cert", file("both.pem"), "--trust", file("ca.pem")]
    flags, words = (both, ["who=both", "server=both"]) if mode == "x509" else (X509, [])
    with server(*flags, "--max-sessions", "1") as ours:
        ours.done("PUT", "/devices/pump/credentials", credential(mode))
        ours.done("PUT", "/devices/lamp/credentials", {"mode": "psk", "key": "hex:" + OTHER_KEY})
        with leshan("device", f"coaps://localhost:{ours.coaps}", FOLDER, mode, "ep=pump", "cid=6", *words) as device:
            device.expect("^registered", SECONDS)
            # Each shard keeps one session; sooner or later somebody else comes to the device's.
            while ours.get("/devices/pump")["session"]:
                with OpenSsl(TARGET, FOLDER).client(ours.coaps, "psk-ccm8", identity="lamp", key=OTHER_KEY):
                    pass
            assert ours.get("/devices/pump/objects/3303/0/5700")["value"] == 21.5
            assert ours.get("/devices/pump")["session"]["connection_id"]


@row(Scandium, times=[(4,), (16,)])
def a_moved_device_is_found_by_connection_ids_of(length):
    with server(*X509, "--cid", str(length)) as ours, proxy(ours.coaps) as (between, front):
        ours.done("PUT", "/devices/pump/credentials", credential("psk"))
        # It takes an id and gives none.
        with leshan("device", f"coaps://localhost:{front}", FOLDER, "psk", "ep=pump", "cid=0") as device:
            device.expect("^registered", SECONDS)
            ours.done("POST", "/devices/pump/observations", {"path": "/3303/0/5700"})
            # From a new port it may be another shard that hears it.
            for value in (30.5, 31.5, 32.5, 33.5):
                between.say("rebind")
                between.expect("^rebound")
                device.say(f"set {value}")
                ours.wait_for(lambda value=value: observed(ours, "pump") == value)
            assert ours.get("/devices/pump/objects/3303/0/5700")["value"] == 33.5
        told = ours.get("/devices/pump")
        assert told["session"]["connection_id"], told


def observed(ours, ep):
    items = ours.get(f"/devices/{ep}/observations")["items"]
    return items and (items[0]["last"] or {}).get("value")


@row(LibCoap, times=[("gnutls", *mode) for mode in MODES] + [("openssl", "psk"), ("openssl", "x509")])
def libcoap_registers_on_the_server(library, mode):
    with server() as ours:
        ours.done("PUT", "/devices/meter/credentials", credential(mode))
        uri, way = f"coaps://localhost:{ours.coaps}", shown(mode)
        libcoap(library, *way, "-m", "post", *LINKS, f"{uri}/rd?ep=meter&lt=300&lwm2m=1.1&b=U")
        device = ours.device("meter")
        assert (device["security"], device["lifetime_s"]) == (mode, 300), device
        # Each command is a session of its own; the identity is the same.
        location = f"{uri}/rd/{device['id']}"
        libcoap(library, *way, "-m", "post", f"{location}?lt=600")
        assert ours.get("/devices/meter")["lifetime_s"] == 600
        # Neither another name nor, without security, this one.
        said = libcoap(library, *way, "-m", "post", *LINKS, f"{uri}/rd?ep=another&lt=300&lwm2m=1.1&b=U")
        assert "4.03" in said, said
        ours.event("registration.refused", ep="another", coap_code="4.03")
        plain = f"coap://127.0.0.1:{ours.coap}/rd"
        assert "4.03" in libcoap("notls", "-m", "post", *LINKS, f"{plain}?ep=meter&lt=300&lwm2m=1.1&b=U")
        ours.event("registration.refused", ep="meter", coap_code="4.03")
        assert "4.04" in libcoap("notls", "-m", "post", f"{plain}/{device['id']}?lt=60")
        assert ours.get("/devices/meter")["lifetime_s"] == 600
        libcoap(library, *way, "-m", "delete", location)
        assert ours.endpoints() == []


@row(LibCoap)
def a_credential_ends_what_came_in_without():
    with server() as ours:
        register = ["-m", "post", *LINKS, f"coap://127.0.0.1:{ours.coap}/rd?ep=meter&lt=300&lwm2m=1.1&b=U"]
        libcoap("notls", *register)
        assert ours.device("meter")["security"] == "nosec"
        ours.done("PUT", "/devices/meter/credentials", credential("psk"))
        ours.event("registration.removed", ep="meter", reason="revoked")
        assert ours.endpoints() == []
        assert "4.03" in libcoap("notls", *register)
        ours.done("DELETE", "/devices/meter/credentials")
        libcoap("notls", *register)
        assert ours.device("meter")["security"] == "nosec"


@row(LibCoap)
def a_trusted_certificate_needs_no_record():
    with server() as ours:
        way, uri = shown("x509"), f"coaps://localhost:{ours.coaps}/rd?lt=300&lwm2m=1.1&b=U"
        libcoap("gnutls", *way, "-m", "post", *LINKS, f"{uri}&ep=device-1")
        assert ours.device("device-1")["security"] == "x509"
        assert "4.03" in libcoap("gnutls", *way, "-m", "post", *LINKS, f"{uri}&ep=device-2")
        # With a record, that alone counts.
        ours.done("PUT", "/devices/device-1/credentials", credential("psk"))
        ours.event("registration.removed", ep="device-1", reason="revoked")
        assert "4.03" in libcoap("gnutls", *way, "-m", "post", *LINKS, f"{uri}&ep=device-1")
        libcoap("gnutls", *shown("psk"), "-m", "post", *LINKS, f"{uri}&ep=device-1")
        assert ours.device("device-1")["security"] == "psk"


@row(LibCoap, Scandium)
def every_mode_at_once():
    with server() as ours:
        for mode in ("psk", "rpk", "x509"):
            ours.done("PUT", f"/devices/by-{mode}/credentials", credential(mode))
        secured, query = f"coaps://localhost:{ours.coaps}", "rd?lt=300&lwm2m=1.1&b=U&ep=by"
        with leshan("device", secured, FOLDER, "rpk", "ep=by-rpk") as device:
            libcoap("notls", "-m", "post", *LINKS, f"coap://127.0.0.1:{ours.coap}/{query}-nosec")
            for library, mode in (("openssl", "psk"), ("gnutls", "x509")):
                libcoap(library, *shown(mode), "-m", "post", *LINKS, f"{secured}/{query}-{mode}")
            device.expect("^registered", SECONDS)
        modes = {item["ep"]: item["security"] for item in ours.get("/devices")["items"]}
        assert modes == {f"by-{mode}": mode for mode in ("nosec", "psk", "rpk", "x509")}, modes


@row(TinyDtls)
def the_server_manages_an_aiocoap_device():
    with server() as ours:
        ours.done("PUT", "/devices/tiny/credentials", {**credential("psk"), "identity": "tiny key"})
        script = [sys.executable, f"{HERE}/device_aiocoap.py", f"coaps://127.0.0.1:{ours.coaps}", "tiny", "tiny key"]
        with Program(*script, content("psk.key")) as device:
            device.expect(r"^registered 2\.01", SECONDS)
            assert ours.device("tiny")["session"]["suite"] == "TLS_PSK_WITH_AES_128_CCM_8"
            objects = "/devices/tiny/objects"
            assert ours.get(f"{objects}/3303/0")["resources"]["5700"]["value"] == 22.5
            assert ours.get(f"{objects}/3341/0/5527")["value"] == "x" * 4096
            ours.done("PUT", f"{objects}/3341/0/5527", {"value": "y" * 5000})
            device.expect("^written 5527 5000", SECONDS)
            ours.done("POST", "/devices/tiny/observations", {"path": "/3303/0/5700"})
            first = ours.wait_for(lambda: observed(ours, "tiny"))
            ours.wait_for(lambda: observed(ours, "tiny") >= first + 1)
            device.say("update")
            device.expect(r"^updated 2\.04", SECONDS)
            device.say("stop")
            device.expect(r"^deregistered 2\.02", SECONDS)
            assert ours.endpoints() == []


# ---- handshakes, good and bad


@row(times=[
    (kind, suite)
    for kind, suites in ((OpenSsl, ["psk-ccm8", "psk-cbc", "x509-ccm8", "x509-gcm"]), (GnuTls, ["psk-gcm", "rpk-ccm8", "x509-cbc"]))
    for suite in suites
])  # fmt: skip
def a_handshake_with_the_server(client, suite):
    mode = suite.split("-")[0]
    with server() as ours:
        ours.done("PUT", "/devices/lamp/credentials", credential(mode))
        with client(TARGET, FOLDER).client(ours.coaps, suite) as calling:
            opened = ours.event("session.opened", mode=mode)
            assert opened["data"]["suite"] == SUITES[suite], opened
            ours.done("DELETE", "/devices/lamp/credentials")
            ours.event("session.closed", mode=mode, reason="revoked")
            # access_denied (RFC 5246 §7.2.2).
            calling.expect(r"alert number 49|alert \[49\]", SECONDS)


SUITES = {
    "psk-ccm8": "TLS_PSK_WITH_AES_128_CCM_8",
    "psk-cbc": "TLS_PSK_WITH_AES_128_CBC_SHA256",
    "psk-gcm": "TLS_PSK_WITH_AES_128_GCM_SHA256",
    "x509-ccm8": "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    "x509-gcm": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "x509-cbc": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "rpk-ccm8": "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
}


@row(times=[
    (OpenSsl, "psk-ccm8", {"key": OTHER_KEY}, "wrong_psk", None),
    (GnuTls, "psk-cbc", {"key": OTHER_KEY}, "wrong_psk", None),
    (OpenSsl, "psk-ccm8", {"identity": "DEVICE-1"}, "unknown_psk_identity", "case"),
    (GnuTls, "psk-gcm", {"identity": "6465766963652d31"}, "unknown_psk_identity", "hex"),
    (OpenSsl, "x509-ccm8", {"who": "stranger"}, "unknown_authority", None),
    (GnuTls, "x509-gcm", {"who": "stranger"}, "unknown_authority", None),
    (OpenSsl, "x509-gcm", {"who": "expired"}, "certificate_expired", None),
    (GnuTls, "x509-ccm8", {"who": "expired"}, "certificate_expired", None),
    # For servers only.
    (OpenSsl, "x509-ccm8", {"who": "server"}, "bad_certificate", None),
    (GnuTls, "rpk-ccm8", {"who": "stranger"}, "unknown_raw_public_key", None),
])  # fmt: skip
def a_handshake_that_the_server_refuses(client, suite, extra, reason, hint):
    mode = suite.split("-")[0]
    with server() as ours:
        ours.done("PUT", "/devices/lamp/credentials", credential(mode))
        with client(TARGET, FOLDER).client(ours.coaps, suite, wait=False, **extra) as calling:
            failed = ours.event("handshake.failed")
            assert failed["data"]["reason"] == reason, failed
            assert hint is None or hint in failed["data"]["hint"], failed
            calling.expect("(?i)alert", SECONDS)
        assert content("psk.key") not in json.dumps(failed)
        with client(TARGET, FOLDER).client(ours.coaps, suite):
            ours.event("session.opened", mode=mode)


@row(OpenSsl)
def a_key_that_is_replaced_ends_its_session():
    peer = OpenSsl(TARGET, FOLDER)
    with server() as ours:
        ours.done("PUT", "/devices/lamp/credentials", credential("psk"))
        with peer.client(ours.coaps, "psk-ccm8") as calling:
            ours.event("session.opened", mode="psk")
            ours.done("PUT", "/devices/lamp/credentials", {**credential("psk"), "key": "hex:" + OTHER_KEY})
            ours.event("session.closed", reason="revoked")
            calling.expect("alert number 49", SECONDS)
        with peer.client(ours.coaps, "psk-ccm8", wait=False):
            ours.event("handshake.failed", reason="wrong_psk")
        peer.client(ours.coaps, "psk-ccm8", key=OTHER_KEY).end()
        # Another identity frees the old one for somebody else.
        ours.done("PUT", "/devices/lamp/credentials", {**credential("psk"), "identity": "device-2"})
        ours.done("PUT", "/devices/lamp-2/credentials", credential("psk"))
        peer.client(ours.coaps, "psk-ccm8").end()


@row(OpenSsl)
def a_session_is_resumed_while_its_credential_lasts():
    with server() as ours, tempfile.TemporaryDirectory() as folder:
        kept = f"{folder}/session"

        def call(*more):
            return OpenSsl(TARGET, FOLDER).client(ours.coaps, "psk-ccm8", more=more, wait=False)

        ours.done("PUT", "/devices/lamp/credentials", credential("psk"))
        with call("-sess_out", kept) as calling:
            calling.expect("^New, .*CCM8", SECONDS)
            ours.wait_for(lambda: os.path.exists(kept) and os.path.getsize(kept))
        # From another port each time, so whichever shard hears it.
        for _ in range(4):
            with call("-sess_in", kept) as calling:
                calling.expect("^Reused, .*CCM8", SECONDS)
        ours.event("session.opened", resumed=True)
        ours.done("DELETE", "/devices/lamp/credentials")
        with call("-sess_in", kept) as calling:
            ours.event("handshake.failed", reason="unknown_psk_identity")
            calling.expect("(?i)alert", SECONDS)


@row(LibCoap, OpenSsl, times=[("gnutls",), ("openssl",)])
def certificates_of_a_middle_authority(library):
    chain = ["--identity-key", file("deep.key"), "--identity-cert", file("deep.chain"), "--trust", file("ca.pem")]
    with server(*chain) as ours:
        if library == "gnutls":
            way = ["-c", file("deep.chain"), "-j", file("deep.key"), "-C", file("ca.pem")]
            uri = f"coaps://localhost:{ours.coaps}/rd?ep=device-1&lt=300&lwm2m=1.1&b=U"
            libcoap(library, *way, "-m", "post", *LINKS, uri)
            assert ours.device("device-1")["security"] == "x509"
        else:
            with OpenSsl(TARGET, FOLDER).client(ours.coaps, "x509-ccm8", who="deep", more=["-cert_chain", file("middle.pem")]):
                ours.event("session.opened", mode="x509")


@row(OpenSsl, times=[
    ("pre-shared keys", ["--cid", "off"], "no_common_suite"),
    ("a raw public key", RPK, "no_common_certificate_type"),
    ("no authority", X509[:4], "unknown_authority"),
])  # fmt: skip
def a_certificate_for_a_server_of(what, flags, reason):
    with server(*flags) as ours:
        with OpenSsl(TARGET, FOLDER).client(ours.coaps, "x509-ccm8", wait=False) as calling:
            failed = ours.event("handshake.failed")
            assert failed["data"]["reason"] == reason, failed
            calling.expect("(?i)alert number", SECONDS)


# ---- the command lines that are told with a new key


def told(ours, ep, identity, way):
    """The commands that the server tells, by tool."""
    if way == "api":
        drawn = ours.done("POST", f"/devices/{quoted(ep)}/credentials:generate", {"identity": identity})
        return {one["tool"]: one["command"] for one in drawn["commands"]}, drawn["key"].removeprefix("hex:")
    told = cli(BINARIES, ours, "-o", "table", "credentials", "generate", ep, "--identity", identity)
    rows = dict(line.split(maxsplit=1) for line in told.splitlines())
    return rows, rows["key"].removeprefix("hex:")


WAYS = [("lamp", "lamp", "api"), ("it's lamp 7", "key of lamp & co", "api"), ("Zähler", "zähler", "api"), ("lamp-8", "lamp-8", "cli")]


def pasted(tool, commands, folder):
    """The command line as it stands, but for where the tool is."""
    line = commands[tool.split("-")[0] if tool.startswith("libcoap") else tool]
    if tool == "lwm2m-client":
        return Shell(line, BINARIES)
    if tool == "Leshan":
        # The demo client is in no registry: Leshan's library stands in for it, by the same flags.
        jar = "java -jar leshan-demo-client.jar "
        assert line.startswith(jar), line
        return Shell(" ".join(dtls.java(TARGET, "demo")) + " " + line.removeprefix(jar))
    # As it is called where it was not packaged with several libraries side by side.
    os.symlink(shutil.which(tool.replace("libcoap", "coap-client")), f"{folder}/coap-client")
    return Shell(line, folder)


def try_command(tool, ep, identity, way, **how):
    with server(**how) as ours, tempfile.TemporaryDirectory() as folder:
        commands, key = told(ours, ep, identity, way)
        with pasted(tool, commands, folder) as tried:
            assert ours.device(quoted(ep))["security"] == "psk"
            # Told once means once.
            assert key not in json.dumps([ours.get("/security"), ours.get("/devices")])
            for program in (ours, tried):
                program.heard()
                assert not any(key in line for line in program.seen), program.name


@row(times=WAYS)
def told_command_of_ours(*way):
    try_command("lwm2m-client", *way)


@row(LibCoap, times=[(library, *way) for library in ("gnutls", "openssl") for way in WAYS])
def told_command_of_libcoap(library, *way):
    try_command(f"libcoap-{library}", *way)


@row(Scandium, times=WAYS[:3])
def told_command_of_leshan(*way):
    try_command("Leshan", *way)


@row(LibCoap, Scandium, times=[("lwm2m-client",), ("libcoap-gnutls",), ("Leshan",)])
def told_command_for_ipv6(tool):
    try_command(tool, *WAYS[0], coaps="[::1]")


@row(times=WAYS)
def told_command_of_anjay(ep, identity, way):
    # Its demo cannot be had here. Its flags, as its demo_args.c reads them: identity and key in hexadecimal.
    with server() as ours:
        commands, key = told(ours, ep, identity, way)
        words = subprocess.run(["sh", "-c", "printf '%s\\n' " + commands["Anjay"]], capture_output=True, text=True)
        program, *words = words.stdout.splitlines()
        assert program == "demo"
        assert dict(zip(words[::2], words[1::2], strict=True)) == {
            "--endpoint-name": ep,
            "--server-uri": f"coaps://127.0.0.1:{ours.coaps}",
            "--security-mode": "psk",
            "--identity": identity.encode().hex(),
            "--key": key,
        }


def quoted(ep):
    return urllib.parse.quote(ep, safe="")


# ---- a bad network


@row(LibCoap, times=[(seed,) for seed in SEEDS])
def libcoap_registers_on_the_server_over_a_bad_network(seed):
    with server() as ours, proxy(ours.coaps, *LOSSY, f"seed={seed}") as (_, front):
        ours.done("PUT", "/devices/meter/credentials", credential("psk"))
        uri = f"coaps://localhost:{front}/rd?ep=meter&lt=300&lwm2m=1.1&b=U"
        # It soon gives a handshake up.
        for _ in range(20):
            libcoap("gnutls", *shown("psk"), "-m", "post", *LINKS, uri)
            if ours.endpoints() == ["meter"]:
                return
        raise AssertionError(f"twenty handshakes in vain; the server said {ours.heard()}")


@row(Scandium, times=[(*mode, seed) for mode in (("psk",), ("rpk",)) for seed in SEEDS])
def a_leshan_device_registers_on_the_server_over_a_bad_network(mode, seed):
    with server() as ours, proxy(ours.coaps, *LOSSY, f"seed={seed}") as (_, front):
        ours.done("PUT", "/devices/pump/credentials", credential(mode))
        with leshan("device", f"coaps://localhost:{front}", FOLDER, mode, "ep=pump"):
            ours.wait_for(lambda: ours.endpoints() == ["pump"], 150)
