"""Our client program over DTLS, with credentials in its flags, beside servers of other makes."""

import contextlib
import subprocess
import sys

from dtls import GnuTls, Scandium
from harness import Program, free_pair, free_port, wait_bound
from program_rows import BINARIES, FOLDER, HERE, LOSSY, SECONDS, TARGET, LibCoap, TinyDtls, content, file, leshan, proxy
from rows import SEEDS, row

PSK = ["--psk-identity", "device-1", "--psk-file", file("psk.marked")]
KEY = ["--key", file("client.key")]
RPK = [*KEY, "--server-key", file("server.pub")]
CERT = [*KEY, "--cert", file("client.pem")]
X509 = [*CERT, "--server-cert", file("server.pem")]


def client(port, ep, *flags):
    return Program(f"{BINARIES}/lwm2m-client", "--server", f"coaps://localhost:{port}", "--endpoint", ep, *flags)


def attempt(port, ep, *flags, seconds=SECONDS):
    """One registration, as a script does it; exit code and what was said."""
    words = [f"{BINARIES}/lwm2m-client", "--server", f"coaps://localhost:{port}", "--endpoint", ep, *flags]
    done = subprocess.run(words, input="register\nquit\n", capture_output=True, text=True, timeout=seconds)
    return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def directory(library, *flags):
    """libcoap's resource directory: somebody who takes registrations; its plain port."""
    # It is silent; the port for DTLS, which it holds last, is the next one.
    port = free_pair()
    with Program(f"coap-rd-{library}", "-A", "127.0.0.1", "-p", str(port), "-h", "", *flags):
        wait_bound(port + 1)
        yield port


DIRECTORIES = {"psk": ["-k", content("psk.text")], "x509": ["-c", file("server.both"), "-C", file("ca.pem")]}
FLAGS = {"psk": PSK, "rpk": RPK, "x509": X509}


def listed(port):
    said = subprocess.run(
        ["coap-client-notls", "-B", "10", f"coap://127.0.0.1:{port}/.well-known/core"], capture_output=True, text=True, timeout=30
    )
    return said.stdout.count("</rd/")


@row(Scandium, times=[
    (mode, ep, cid) for mode, ep in (("psk", "device-psk"), ("rpk", "device-rpk"), ("x509", "device-1")) for cid in (0, 6)
])  # fmt: skip
def a_leshan_server_manages_the_client(mode, ep, cid):
    port = free_port()
    words = [f"cid={cid}", "mode=rpk" if mode == "rpk" else "mode=x509", "psk=device-psk", "x509=device-1"]
    with leshan("server", port, FOLDER, *words) as server, proxy(port) as (between, front):
        server.expect("^ready", SECONDS)

        def ask(line, answer):
            command, rest = line.split(" ", 1)
            server.say(f"{command} {ep} {rest}")
            server.expect(answer, SECONDS)

        def change(value):
            device.say(f"set /3303/0/5700 {value}")
            server.expect(f"^notified /3303/0/5700 .*{value}", SECONDS)

        with client(front, ep, *FLAGS[mode]) as device:
            server.expect(f"^registered {ep}", SECONDS)
            ask("read /3/0", "^CONTENT.*LwM2M for Rust")
            ask("read /3303/0/5700", "^CONTENT.*20.0")
            ask("write /3/0/15 Europe/Paris", "^CHANGED")
            ask("read /3/0/15", "^CONTENT.*Europe/Paris")
            ask("observe /3303/0/5700", "^CONTENT.*20.0")
            change(22.5)
            if cid:
                # The NAT forgets the device. Leshan knows its notification, and believes a new address after an Update.
                between.say("rebind")
                between.expect("^rebound")
                change(23.5)
            device.say("update")
            server.expect(f"^updated {ep}", SECONDS)
            ask("read /3303/0/5700", "^CONTENT.*2[23].5")
            # The answer and what comes of it are told in any order.
            for path, comes in (("/1/0/8", "updated"), ("/3/0/4", "registered")):
                ask(f"execute {path}", f"^(CHANGED|{comes} {ep})")
                server.expect(f"^(CHANGED|{comes} {ep})", SECONDS)
            device.say("deregister")
            server.expect(f"^deregistered {ep}", SECONDS)
            device.say("quit")
            assert device.process.wait(10) == 0, device.heard()


@row(TinyDtls)
def an_aiocoap_server_manages_the_client():
    port = free_pair()
    with Program(sys.executable, f"{HERE}/server_aiocoap.py", str(port), "device-1", content("psk.key")) as server:
        server.expect("^ready", SECONDS)
        with client(port + 1, "ours", *PSK, "--simulate") as device:
            server.expect(r"^register .*ep=ours.*lwm2m=1\.", SECONDS)
            server.expect(r"^read 2\.05 LwM2M for Rust", SECONDS)
            server.expect(r"^discover 2\.05 True", SECONDS)
            server.expect(r"^write 2\.04", SECONDS)
            server.expect(r"^security 4\.01", SECONDS)
            server.expect(r"^notified 3", SECONDS)
            server.expect(r"^stop", SECONDS)
            device.say("deregister")
            server.expect(r"^deregister", SECONDS)


@row(LibCoap, times=[(library, mode) for library in ("gnutls", "openssl") for mode in DIRECTORIES])
def the_client_registers_with_libcoap(library, mode):
    with directory(library, *DIRECTORIES[mode]) as port, client(port + 1, "device-1", *FLAGS[mode]) as device:
        device.expect("secured.*suite=TLS_", SECONDS)
        device.expect("registered.*cid=/rd/", SECONDS)
        # It ends here: a DELETE makes libcoap 4.3.1's directory free memory twice.
        assert listed(port) == 1


# What --server-cert is to the chain of a server whose authority is "ca" (RFC 6698 §2.1.1).
GOOD = [
    ("0", "ca.pem", None),
    ("1", "server.pem", "ca.pem"),
    ("2", "ca.pem", None),
    ("3", "server.pem", None),
]
BAD = [
    ("0", "other.pem", None),
    ("1", "server.pem", "other.pem"),
    ("1", "stranger.pem", "ca.pem"),
    ("2", "other.pem", None),
    ("3", "stranger.pem", None),
    ("3", "ca.pem", None),
]


def expected(number, certificate, trust):
    return ["--server-cert", file(certificate), "--cert-usage", number, *(["--trust", file(trust)] if trust else [])]


@row(LibCoap, times=[("gnutls", *one) for one in GOOD] + [("openssl", *one) for one in GOOD])
def the_client_trusts_by_certificate_usage(library, *what):
    with directory(library, *DIRECTORIES["x509"]) as port:
        code, said = attempt(port + 1, "device-1", *CERT, *expected(*what))
        assert code == 0 and "registered with 1 as /rd/" in said, (code, said)


@row(LibCoap, times=[("gnutls", *one) for one in BAD])
def the_client_does_not_trust_by_certificate_usage(library, *what):
    with directory(library, *DIRECTORIES["x509"]) as port:
        code, said = attempt(port + 1, "device-1", *CERT, *expected(*what))
        assert code == 5, (code, said)
        assert listed(port) == 0


@row(LibCoap, times=[("expired",), ("client",)])
def the_client_does_not_trust_a_server_that(is_no_good):
    # Its authority is trusted; the one has expired, the other is for clients and names no server.
    with directory("gnutls", "-c", file(f"{is_no_good}.both"), "-C", file("ca.pem")) as port:
        code, said = attempt(port + 1, "device-1", *CERT, *expected("2", "ca.pem", None))
        assert code == 5, (code, said)
        assert listed(port) == 0


@row(LibCoap, times=[
    ("0", "ca.pem", None), ("0", "middle.pem", "ca.pem"), ("2", "ca.pem", None), ("2", "middle.pem", None), ("3", "deep.pem", None)
])  # fmt: skip
def the_client_and_a_middle_authority(number, certificate, trust):
    own = ["--key", file("deep.key"), "--cert", file("deep.chain"), *expected(number, certificate, trust)]
    with directory("gnutls", "-c", file("deep.both"), "-C", file("ca.pem")) as port:
        code, said = attempt(port + 1, "device-1", *own)
        assert code == 0 and "registered with 1 as /rd/" in said, (code, said)


@row(GnuTls)
def the_client_expects_a_raw_public_key():
    port = free_port()
    peer = GnuTls(TARGET, FOLDER)
    with peer.server(port, "rpk-ccm8", who="stranger"):
        code, said = attempt(port, "device-1", *RPK)
        assert code == 5, (code, said)
    port = free_port()
    with peer.server(port, "rpk-ccm8"), client(port, "device-1", *RPK) as device:
        device.expect("secured.*suite=TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", SECONDS)


# OpenSSL keeps silent about a record that it cannot read, so there the handshake would end by its time alone.
@row(LibCoap)
def the_client_is_not_let_in_with_a_wrong_key():
    with directory("gnutls", "-k", "another key") as port:
        code, said = attempt(port + 1, "device-1", *PSK)
        assert code == 5, (code, said)
        assert listed(port) == 0


# Not with libcoap: below its server, GnuTLS hardly ever repeats a last flight that was lost.
@row(Scandium, times=[(*mode, seed) for mode in (("psk", "device-psk"), ("x509", "device-1")) for seed in SEEDS])
def the_client_registers_over_a_bad_network(mode, ep, seed):
    port = free_port()
    with leshan("server", port, FOLDER, "psk=device-psk", "x509=device-1") as server:
        server.expect("^ready", SECONDS)
        with proxy(port, *LOSSY, f"seed={seed}") as (_, front), client(front, ep, *FLAGS[mode]):
            # A handshake may have to end in vain, after 60 s, before the next.
            server.expect(f"^registered {ep}", 150)
