"""The DTLS judges: how each is started in each role, and what it speaks.

A suite is a credential and a cipher: psk-ccm8, x509-gcm, rpk-cbc. Run as a program, `dtls.py TARGET [NAME...]` lets the
judges and ours judge each other, so that a disagreement with ours can be told from one among themselves.
"""

import itertools
import os
import shutil
import subprocess
import sys
import time
import traceback

from harness import Program, free_port, wait_bound

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 10
IDENTITY = "device-1"

PSK = ["psk-ccm8", "psk-ccm", "psk-gcm", "psk-cbc"]
ECDHE_PSK = ["ecdhe-psk-cbc"]
X509 = ["x509-ccm8", "x509-ccm", "x509-gcm", "x509-cbc"]
RPK = ["rpk-ccm8", "rpk-ccm", "rpk-gcm", "rpk-cbc"]


class Judge:
    """One implementation. `extra` of a role: cid=N, mtu=N, and what the programs of ../pion and ../java take."""

    name = package = ""
    suites = []
    # Suites that its client program cannot have, for a reason said where it is set.
    not_as_client = ()
    # The longest text that it takes for one.
    longest = 1000
    cid = False

    def __init__(self, target, credentials):
        self.target, self.credentials = target, credentials

    def file(self, name):
        return os.path.join(self.credentials, name)

    def key(self):
        """The pre-shared key in hexadecimal."""
        with open(self.file("psk.key")) as file:
            return file.read()

    def present(self):
        raise NotImplementedError

    def server(self, port, suite, **extra):
        """A program that answers "TEXT" by "echo TEXT", itself or by `answer`."""
        raise NotImplementedError

    def client(self, port, suite, wait=True, **extra):
        """A program that has shaken hands, unless that is not to be waited for."""
        raise NotImplementedError

    def send(self, program, text):
        program.say(text)

    def hear(self, program, text):
        program.expect(f"(^|\\W){text}$", SECONDS)

    def answer(self, program, text):
        """Answers what was heard, where the program does not do it itself; gives the answer."""
        return "echo " + text


class OpenSsl(Judge):
    name, package = "openssl", "openssl"
    # The certificate suites with 16 bytes of tag go by the name of the key exchange and the mode.
    ciphers = {
        "psk-ccm8": "PSK-AES128-CCM8",
        "psk-ccm": "PSK-AES128-CCM",
        "psk-gcm": "PSK-AES128-GCM-SHA256",
        "psk-cbc": "PSK-AES128-CBC-SHA256",
        "ecdhe-psk-cbc": "ECDHE-PSK-AES128-CBC-SHA256",
        "x509-ccm8": "ECDHE-ECDSA-AES128-CCM8",
        "x509-ccm": "ECDHE-ECDSA-AES128-CCM",
        "x509-gcm": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "x509-cbc": "ECDHE-ECDSA-AES128-SHA256",
    }
    suites = list(ciphers)

    def present(self):
        return shutil.which("openssl")

    def common(self, suite, role, who, key, identity, mtu):
        words = ["-dtls1_2", "-cipher", self.ciphers[suite] + ":@SECLEVEL=0"]
        words += ["-mtu", str(mtu)] if mtu else []
        if "psk" in suite:
            return words + ["-psk_identity", identity, "-psk", key or self.key()]
        who = who or role
        words += ["-cert", self.file(f"{who}.pem"), "-key", self.file(f"{who}.key"), "-CAfile", self.file("ca.pem")]
        return words + ["-verify_return_error"]

    def server(self, port, suite, who=None, key=None, identity=IDENTITY, mtu=None, cookie=True, more=()):
        # With cookies it takes its own first time-out for the end, and in any case it serves one client.
        words = ["openssl", "s_server", "-port", str(port), "-quiet", *(["-listen"] if cookie else [])]
        words += self.common(suite, "server", who, key, identity, mtu)
        words += ["-nocert"] if "psk" in suite else ["-Verify", "2", "-named_curve", "prime256v1"]
        program = Program(*words, *more)
        wait_bound(port)
        return program

    def client(self, port, suite, who=None, key=None, identity=IDENTITY, mtu=None, more=(), wait=True):
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}"]
        words += self.common(suite, "client", who, key, identity, mtu)
        if "psk" not in suite:
            words += ["-verify_hostname", "localhost", "-servername", "localhost", "-curves", "P-256"]
        program = Program(*words, *more)
        if wait:
            program.connected = program.expect(r"^(New|Reused), .*Cipher is " + self.ciphers[suite], SECONDS).group(1)
        return program

    def answer(self, program, text):
        program.say("echo " + text)
        return "echo " + text


class GnuTls(Judge):
    name, package = "gnutls", "gnutls-bin"
    suites = PSK + ECDHE_PSK + X509 + RPK
    # So much its server reads at a time.
    longest = 100
    # The handshake ends well, and then gnutls-cli 3.7.9 ends too, while it describes the session.
    not_as_client = ECDHE_PSK
    modes = {"ccm8": "AES-128-CCM-8:+AEAD", "ccm": "AES-128-CCM:+AEAD", "gcm": "AES-128-GCM:+AEAD", "cbc": "AES-128-CBC:+SHA256"}

    def present(self):
        return shutil.which("gnutls-serv") and shutil.which("gnutls-cli")

    def priority(self, suite, flags):
        credential, mode = suite.rsplit("-", 1)
        exchange = {"psk": "PSK", "ecdhe-psk": "ECDHE-PSK"}.get(credential, "ECDHE-ECDSA")
        kind = "CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK" if credential == "rpk" else "CTYPE-X509"
        return (
            f"NONE:+VERS-DTLS1.2:+COMP-NULL:+{exchange}:+{self.modes[mode]}:+{kind}"
            ":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256:+GROUP-SECP256R1" + flags
        )

    def common(self, suite, role, who, mtu, flags):
        words = ["--udp", "--priority", self.priority(suite, flags)]
        words += ["--mtu", str(mtu)] if mtu else []
        who = who or role
        if suite.startswith("x509"):
            words += ["--x509certfile", self.file(f"{who}.pem"), "--x509keyfile", self.file(f"{who}.key")]
            words += ["--x509cafile", self.file("ca.pem")]
        elif suite.startswith("rpk"):
            words += ["--rawpkkeyfile", self.file(f"{who}.key"), "--rawpkfile", self.file(f"{who}.pub")]
        return words

    def server(self, port, suite, who=None, mtu=None, flags="", more=()):
        words = ["gnutls-serv", "-p", str(port), "--echo", *self.common(suite, "server", who, mtu, flags)]
        if "psk" in suite:
            words += ["--pskpasswd", self.file("psk.passwd")]
        elif suite.startswith("x509"):
            words += ["--require-client-cert", "--verify-client-cert"]
        else:
            words += ["--require-client-cert"]
        program = Program(*words, *more)
        wait_bound(port)
        return program

    def client(self, port, suite, who=None, key=None, identity=IDENTITY, mtu=None, flags="", more=(), wait=True):
        words = ["gnutls-cli", "-p", str(port), *self.common(suite, "client", who, mtu, flags)]
        if "psk" in suite:
            words += ["--pskusername", identity, "--pskkey", key or self.key()]
        elif suite.startswith("x509"):
            words += ["--verify-hostname", "localhost", "--sni-hostname", "localhost"]
        else:
            # It knows no way to be told which key to expect.
            words += ["--no-ca-verification"]
        program = Program(*words, *more, "127.0.0.1")
        if wait:
            program.expect("Handshake was completed", SECONDS)
        return program

    def answer(self, program, text):
        return text


class Lines(Judge):
    """The peers whose command lines are our own."""

    codes = {
        "psk-ccm8": "C0A8", "psk-ccm": "C0A4", "psk-gcm": "00A8", "psk-cbc": "00AE", "ecdhe-psk-cbc": "C037",
        "ccm8": "C0AE", "ccm": "C0AC", "gcm": "C02B", "cbc": "C023",
    }  # fmt: skip

    def command(self, role, port, suite, extra):
        raise NotImplementedError

    def server(self, port, suite, **extra):
        program = Program(*self.command("server", port, suite, extra))
        program.expect("^ready", SECONDS)
        return program

    def client(self, port, suite, wait=True, **extra):
        program = Program(*self.command("client", port, suite, extra))
        if wait:
            program.connected = self.established(program, suite)
        return program

    def established(self, program, suite):
        """Waits for a handshake and gives the rest of its line: the session and whatever more the peer tells."""
        code = self.codes.get(suite) or self.codes[suite.rsplit("-", 1)[1]]
        return program.expect(f"^connected {code} ?(.*)", SECONDS).group(1)

    def send(self, program, text):
        program.say("send " + text)

    def hear(self, program, text):
        program.expect(f"^got {text}$", SECONDS)


class Pion(Lines):
    name, package, cid = "pion", "a Go toolchain and the module proxy", True
    suites = PSK + ECDHE_PSK + ["x509-ccm8", "x509-ccm", "x509-gcm"]

    def binary(self):
        return os.path.join(self.target, "interop-pion", "pion-peer")

    def present(self):
        return os.access(self.binary(), os.X_OK)

    def command(self, role, port, suite, extra):
        # By address: its client ignores a ServerHello that acknowledges a name by an empty extension, as Scandium's does.
        extra = {"host": "127.0.0.1", **extra}
        return [self.binary(), role, str(port), self.credentials, suite, *(f"{k}={v}" for k, v in extra.items())]


def java(target, *arguments):
    """The command that starts a Java judge; a short-lived program needs no optimising compiler."""
    folder = os.path.join(target, "interop-java")
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp",
            f"{folder}/judges.jar:{folder}/lib/*", "judge.Main", *arguments]  # fmt: skip


def have_java(target):
    return shutil.which("java") and os.path.exists(os.path.join(target, "interop-java", "judges.jar"))


class Scandium(Lines):
    name, package, cid = "scandium", "a JDK, Maven and its registry", True
    suites = PSK + ECDHE_PSK + X509 + RPK

    def present(self):
        return have_java(self.target)

    def command(self, role, port, suite, extra):
        return java(self.target, "dtls", role, str(port), self.credentials, suite, *(f"{k}={v}" for k, v in extra.items()))


class Ours(Lines):
    name, cid = "ours", True
    suites = PSK + ECDHE_PSK + X509 + RPK

    def present(self):
        return True

    def command(self, role, port, suite, extra):
        binary = os.path.join(self.target, "release", "dtls-peer")
        return [binary, role, str(port), self.credentials, suite, *(f"{k}={v}" for k, v in extra.items())]


FOREIGN = [OpenSsl, GnuTls, Pion, Scandium]


def credentials(target):
    folder = os.path.join(target, "interop-credentials")
    subprocess.run([os.path.join(HERE, "credentials.sh"), folder], check=True)
    return folder


def exchange(server, serving, client, calling, text="ping"):
    """Text there and back."""
    client.send(calling, text)
    server.hear(serving, text)
    client.hear(calling, server.answer(serving, text))


def among_themselves(target, names):
    """Every pair of judges in every suite that both have."""
    folder = credentials(target)
    judges = [kind(target, folder) for kind in [*FOREIGN, Ours] if not names or kind.name in names]
    judges = [judge for judge in judges if judge.present()]
    wrong = 0
    for server, client in itertools.product(judges, judges):
        for suite in server.suites:
            if suite not in client.suites or suite in client.not_as_client:
                continue
            begun = time.monotonic()
            port = free_port()
            try:
                with server.server(port, suite) as serving, client.client(port, suite) as calling:
                    exchange(server, serving, client, calling)
                print(f"ok {suite} {client.name} -> {server.name} ({time.monotonic() - begun:.1f} s)", flush=True)
            except AssertionError:
                wrong += 1
                print(f"FAILED {suite} {client.name} -> {server.name}\n{traceback.format_exc(limit=1)}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(among_themselves(sys.argv[1], sys.argv[2:]) != 0)
