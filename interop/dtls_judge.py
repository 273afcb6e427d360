"""Runs our DTLS endpoint beside other makes and says who disagrees.

Usage: dtls_judge.py TARGET [WORD...], where TARGET is the directory of what was built, and rows are run that hold one of the
words. Ends with "N passed, N failed, N skipped".
"""

import contextlib
import os
import sys
import tempfile

import dtls
import rows
from dtls import ECDHE_PSK, PSK, RPK, X509, GnuTls, OpenSsl, Ours, Pion, Scandium, exchange
from harness import Program, free_port
from rows import row

TARGET = sys.argv[1]
FOLDER = dtls.credentials(TARGET)
KINDS = {kind: kind(TARGET, FOLDER) for kind in (Ours, *dtls.FOREIGN)}
OURS = KINDS[Ours]
def both_ways(kinds, *rest):
    """Ours as server, then as client."""
    return [(server, client, *rest) for kind in kinds for server, client in ((Ours, kind), (kind, Ours))]


class Pair:
    """A server and a client that have shaken hands, maybe with our proxy between them."""

    def __init__(self, server, client, suite, serving=None, calling=None, proxy=None):
        self.server, self.client, self.suite = KINDS[server], KINDS[client], suite
        self.with_server, self.with_client, self.words = serving or {}, calling or {}, proxy
        self.proxy = None

    def __enter__(self):
        with contextlib.ExitStack() as programs:
            port = free_port()
            self.serving = programs.enter_context(self.server.server(port, self.suite, **self.with_server))
            if self.words is not None:
                front = free_port()
                binary = os.path.join(TARGET, "release", "udp-proxy")
                ways = [f"127.0.0.1:{front}", f"127.0.0.1:{port}"]
                self.proxy = programs.enter_context(Program(binary, *ways, *self.words))
                self.proxy.expect("^ready")
                port = front
            try:
                self.calling = programs.enter_context(self.client.client(port, self.suite, **self.with_client))
            except AssertionError as error:
                raise AssertionError(f"{error}; the server said {self.serving.heard()}") from None
            self.programs = programs.pop_all()
        return self

    def __exit__(self, *_):
        self.programs.close()

    def talk(self, text="ping"):
        exchange(self.server, self.serving, self.client, self.calling, text)

    def ours(self):
        return self.serving if self.server is OURS else self.calling


def speaks(server, client):
    """Suites that both have."""
    server, client = KINDS[server], KINDS[client]
    return [suite for suite in server.suites if suite in client.suites and suite not in client.not_as_client]


# ---- every suite


@row(times=[(*pair, suite) for pair in both_ways(dtls.FOREIGN) for suite in speaks(*pair)])
def shakes_hands(server, client, suite):
    with Pair(server, client, suite) as pair:
        pair.talk("ping")
        pair.talk("x" * min(pair.server.longest, pair.client.longest))


@row(OpenSsl, GnuTls)
def one_socket_of_ours_speaks_all_modes_at_once():
    wanted = [(OpenSsl, "psk-ccm8"), (OpenSsl, "x509-gcm"), (OpenSsl, "psk-cbc"), (GnuTls, "rpk-ccm8"), (GnuTls, "x509-cbc")]
    wanted += [(Pion, "psk-gcm"), (Pion, "x509-ccm8"), (Scandium, "rpk-gcm"), (Scandium, "psk-ccm8")]
    port = free_port()
    with contextlib.ExitStack() as programs:
        serving = programs.enter_context(OURS.server(port, "all", cid=8))
        callers = []
        for kind, suite in wanted:
            if (client := KINDS[kind]).present():
                callers.append((client, programs.enter_context(client.client(port, suite))))
        for round in range(2):
            for number, (client, calling) in enumerate(callers):
                exchange(OURS, serving, client, calling, f"round {round} of {number}")


# ---- connection ids

CID = [(8, 0), (8, 4), (1, 16), (16, 0), (0, 5)]


@row(times=[
    (*pair, suite, *lengths)
    for pair in both_ways([Pion, Scandium])
    for suite, lengths in zip(["psk-ccm8", "psk-gcm", "psk-cbc", "x509-ccm8", "rpk-cbc"], CID)
    # pion 3.1.15 puts the content twice into the MAC of RFC 9146 §5.1; Scandium and ours agree.
    if suite in speaks(*pair) and (suite != "psk-cbc" or Pion not in pair)
])  # fmt: skip
def connection_id_survives_a_nat(server, client, suite, of_server, of_client):
    with Pair(server, client, suite, {"cid": of_server}, {"cid": of_client}, proxy=[]) as pair:
        pair.talk("before")
        if of_server == 0:
            return
        for text in ("moved", "moved again"):
            pair.proxy.say("rebind")
            pair.proxy.expect("^rebound")
            pair.talk(text)
            pair.talk("and on")
            if server is Ours:
                assert any(line.startswith("moved ") for line in pair.serving.seen), pair.serving.seen


@row(times=both_ways([OpenSsl, GnuTls, Pion, Scandium]))
def a_peer_without_connection_ids_meets_one_with(server, client):
    ours, theirs = {"cid": 8}, {}
    with Pair(server, client, "psk-ccm8", *((ours, theirs) if server is Ours else (theirs, ours))) as pair:
        pair.talk()


# ---- resumption


@row(OpenSsl, times=[(suite,) for suite in ("psk-ccm8", "psk-cbc", "x509-gcm")])
def openssl_resumes_on_ours(suite):
    port = free_port()
    with OURS.server(port, suite) as serving, tempfile.NamedTemporaryFile() as file:
        with KINDS[OpenSsl].client(port, suite, more=["-sess_out", file.name]) as calling:
            exchange(OURS, serving, KINDS[OpenSsl], calling, "first")
        with KINDS[OpenSsl].client(port, suite, more=["-sess_in", file.name]) as calling:
            assert calling.connected == "Reused", calling.seen
            serving.expect("^connected .*resumed=true")
            exchange(OURS, serving, KINDS[OpenSsl], calling, "second")


@row(times=[
    (*pair, suite)
    for pair in [*both_ways([Pion, Scandium]), (GnuTls, Ours)]
    for suite in ("psk-ccm8", "x509-ccm8", "rpk-ccm8")
    # pion's server names no session where it asks for certificates.
    if suite in speaks(*pair) and (pair != (Pion, Ours) or suite == "psk-ccm8")
])  # fmt: skip
def resumes(server, client, suite):
    # Where pion resumes a session with a connection id, its two sides disagree about it; without one they agree.
    extra = {"cid": 8} if Scandium in (server, client) else {}
    with Pair(server, client, suite, extra, extra) as pair:
        pair.talk("first")
        pair.calling.say("again")
        told = pair.ours().expect(r"^connected .*resumed=(\w+)", 20)
        assert told.group(1) == "true", told.string
        pair.talk("second")


@row(GnuTls, times=[("psk-ccm8",), ("x509-ccm8",)])
def gnutls_resumes_on_ours(suite):
    port = free_port()
    with OURS.server(port, suite) as serving:
        with KINDS[GnuTls].client(port, suite, more=["--resume"]) as calling:
            calling.expect("This is a resumed session", 20)
            serving.expect("^connected .*resumed=true")
            exchange(OURS, serving, KINDS[GnuTls], calling, "second")


# ---- a client that lost its memory


@row(times=[(Ours, Scandium, {"cid": 8}), (Ours, Scandium, {}), (Ours, Pion, {}), (Ours, Pion, {"cid": 8}), (Scandium, Ours, {"cid": 8})])
def restarts_on_its_port(server, client, extra):
    with Pair(server, client, "psk-ccm8", extra, extra) as pair:
        pair.talk("first")
        pair.calling.say("restart")
        pair.client.established(pair.calling, "psk-ccm8")
        pair.talk("second")


# ---- sizes


@row(times=[
    (*pair, suite, *sizes)
    for pair in both_ways(dtls.FOREIGN)
    for suite, sizes in (("x509-ccm8", (300, 300)), ("rpk-ccm8", (100, 300)), ("psk-ccm8", (100, 260)))
    # Scandium does not put a ClientHello together that comes in parts, and so short is only one without a cookie.
    if suite in speaks(*pair) and (pair != (Scandium, Ours) or suite == "x509-ccm8")
])  # fmt: skip
def small_datagrams(server, client, suite, ours, theirs):
    sides = [{"mtu": ours if kind is Ours else theirs} for kind in (server, client)]
    with Pair(server, client, suite, *sides) as pair:
        pair.talk()


@row(OpenSsl)
def openssl_asks_for_short_records():
    with Pair(Ours, OpenSsl, "x509-ccm8", calling={"more": ["-maxfraglen", "512"]}) as pair:
        pair.talk("x" * 400)
        # What would come back is longer than a record may be: it is refused here, and all goes on.
        pair.client.send(pair.calling, "y" * 511)
        pair.serving.expect("^unsent")
        pair.talk("after")


@row(OpenSsl)
def ours_asks_openssl_for_short_records():
    with Pair(OpenSsl, Ours, "x509-gcm", calling={"mfl": 512}) as pair:
        pair.talk("x" * 400)
        # With its line end as long as a record may be; longer ones OpenSSL refuses to send.
        pair.serving.say("z" * 511)
        pair.calling.expect("^got z{511}$")


# ---- extensions that one side lacks


@row(times=[(*pair, suite) for pair in both_ways([GnuTls]) for suite in ("psk-ccm8", "rpk-cbc")])
def without_an_extended_master_secret(server, client, suite):
    flags = {"flags": ":%NO_SESSION_HASH"}
    with Pair(server, client, suite, *((None, flags) if server is Ours else (flags, None))) as pair:
        pair.talk()
    with Pair(server, client, suite, *(({"ems": "off"}, None) if server is Ours else (None, {"ems": "off"}))) as pair:
        pair.talk()


@row(GnuTls)
def ours_demands_an_extended_master_secret():
    port = free_port()
    with OURS.server(port, "psk-ccm8", ems="require") as serving:
        with KINDS[GnuTls].client(port, "psk-ccm8", flags=":%NO_SESSION_HASH", wait=False) as calling:
            serving.expect("^failed .*extended.master.secret", 20)
            calling.expect("(?i)alert", 20)


@row(times=[(*pair, suite) for pair in both_ways([GnuTls, OpenSsl]) for suite in ("psk-cbc", "x509-cbc")])
def without_encrypt_then_mac(server, client, suite):
    lacks = {"more": ["-no_etm"]} if OpenSsl in (server, client) else {"flags": ":%NO_ETM"}
    with Pair(server, client, suite, *((None, lacks) if server is Ours else (lacks, None))) as pair:
        pair.talk()
    with Pair(server, client, suite, *(({"etm": "off"}, None) if server is Ours else (None, {"etm": "off"}))) as pair:
        pair.talk()


# ---- who is not let in

OTHER_KEY = "ff" * 16


@row(times=[
    (OpenSsl, "psk-ccm8", {"key": OTHER_KEY}, "wrong psk"),
    (OpenSsl, "psk-cbc", {"key": OTHER_KEY}, "wrong psk"),
    (OpenSsl, "psk-ccm8", {"identity": "device-2"}, "unknown psk identity"),
    (GnuTls, "psk-gcm", {"key": OTHER_KEY}, "wrong psk"),
    (OpenSsl, "x509-ccm8", {"who": "stranger"}, "authority is not trusted"),
    (GnuTls, "x509-gcm", {"who": "stranger"}, "authority is not trusted"),
    (GnuTls, "rpk-ccm8", {"who": "stranger"}, "a key that nobody knows"),
])  # fmt: skip
def ours_refuses(client, suite, extra, why):
    port = free_port()
    with OURS.server(port, suite) as serving, KINDS[client].client(port, suite, wait=False, **extra) as calling:
        serving.expect(f"^failed .*{why}", 20)
        calling.expect("(?i)alert", 20)
        # The server goes on.
        with KINDS[client].client(port, suite) as welcome:
            exchange(OURS, serving, KINDS[client], welcome)


@row(times=[
    (OpenSsl, "psk-ccm8", {"key": OTHER_KEY}, {"patience": 6}, "no answer"),
    (OpenSsl, "x509-ccm8", {"who": "stranger"}, {}, "authority is not trusted"),
    (OpenSsl, "x509-ccm8", {}, {"host": "elsewhere.example"}, "is for .*, not for"),
    (GnuTls, "x509-gcm", {"who": "stranger"}, {}, "authority is not trusted"),
    (GnuTls, "rpk-ccm8", {"who": "stranger"}, {}, "not the expected one"),
])  # fmt: skip
def ours_will_not_go_to(server, suite, serving, calling, why):
    port = free_port()
    with KINDS[server].server(port, suite, **serving), OURS.client(port, suite, wait=False, **calling) as client:
        client.expect(f"^failed .*({why})", 20)


@row(times=[(OpenSsl, "x509-ccm8"), (GnuTls, "x509-ccm8")])
def ours_without_a_good_certificate_is_refused(server, suite):
    port = free_port()
    with KINDS[server].server(port, suite), OURS.client(port, suite, wait=False, who="stranger") as calling:
        calling.expect("^failed .*(refused|alert|unknown|bad)", 20)


@row(times=[(OpenSsl,), (GnuTls,), (Pion,)])
def no_suite_in_common(client):
    port = free_port()
    with OURS.server(port, "psk-ccm8") as serving, KINDS[client].client(port, "x509-ccm8", wait=False) as calling:
        serving.expect("^failed handshake_failure .*no common cipher suite", 20)
        calling.expect("(?i)alert", 20)


# ---- the end


@row(times=both_ways([Pion, Scandium]))
def says_good_bye(server, client):
    with Pair(server, client, "psk-ccm8") as pair:
        pair.talk()
        pair.calling.say("close")
        pair.serving.expect("^closed|CLOSE_NOTIFY", 20)


@row(OpenSsl)
def openssl_says_good_bye():
    with Pair(Ours, OpenSsl, "x509-ccm8") as pair:
        pair.talk()
        pair.calling.process.stdin.close()
        pair.serving.expect("^closed PeerClosed", 20)


@row(OpenSsl)
def renegotiation_is_refused_and_hurts_nobody():
    port = free_port()
    openssl = KINDS[OpenSsl]
    with OURS.server(port, "psk-ccm8") as serving, openssl.client(port, "psk-ccm8") as other:
        with openssl.client(port, "psk-ccm8") as calling:
            exchange(OURS, serving, openssl, calling, "first")
            calling.say("R")
            calling.expect("(?i)no renegotiation", 20)
        exchange(OURS, serving, openssl, other, "the other")


# ---- a bad network

LOSSY = ["drop=5", "delay=5", "duplicate=5"]


@row(times=[
    (*pair, suite, seed)
    for pair in both_ways(dtls.FOREIGN)
    for suite in ("psk-ccm8", "x509-ccm8", "rpk-ccm8")
    if suite in speaks(*pair)
    for seed in rows.SEEDS
])  # fmt: skip
def lossy(server, client, suite, seed):
    serving = {Ours: {"first": 300}, OpenSsl: {"cookie": False}}.get(server)
    calling = {"first": 300} if client is Ours else None
    with Pair(server, client, suite, serving, calling, [*LOSSY, f"seed={seed}"]) as pair:
        # Application data is nobody's to repeat: it is said until once it arrives.
        for number in range(40):
            pair.client.send(pair.calling, f"ping {number}")
            with contextlib.suppress(AssertionError):
                pair.serving.expect(r"ping \d+$", 0.3)
                return
        raise AssertionError("of 40 records none arrives")


if __name__ == "__main__":
    dtls.SECONDS = 50
    # Its rows come after these.
    import lwm2m_rows

    KINDS[lwm2m_rows.LibCoap] = lwm2m_rows.LibCoap(TARGET, FOLDER)
    sys.exit(rows.run("dtls", KINDS, sys.argv[2:]))
