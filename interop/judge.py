"""Runs our programs beside peers of another make and says who disagrees.

Usage: judge.py DIRECTORY-OF-OUR-BINARIES. Ends with "N passed, N failed, N skipped".
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

from harness import Program, free_port
from programs import Server


BINARIES = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))


def libcoap(*arguments, payload=None):
    """Runs libcoap's client; a payload goes by a file, since it reads only 20 000 bytes of its input."""
    command = ["coap-client-notls", "-B", "20"]
    with tempfile.NamedTemporaryFile() as file:
        if payload is not None:
            file.write(payload)
            file.flush()
            command += ["-f", file.name]
        done = subprocess.run([*command, *arguments], capture_output=True, timeout=60)
    return done.stdout, done.stderr


def libcoap_registers_updates_and_leaves():
    with Server(BINARIES) as server:
        uri = f"coap://127.0.0.1:{server.coap}"
        register = f"{uri}/rd?ep=libcoap&lt=300&lwm2m=1.1&b=U"
        libcoap("-m", "post", "-t", "40", register, payload=b"</1/0>,</3/0>,</3303/0>")
        device = server.get("/devices/libcoap")
        assert device["lifetime_s"] == 300 and device["version"] == "1.1", device
        location = device["id"]
        libcoap("-m", "post", f"{uri}/rd/{location}?lt=600")
        assert server.get("/devices/libcoap")["lifetime_s"] == 600
        out, err = libcoap("-m", "post", f"{uri}/rd/nonsense")
        assert b"4.04" in out + err, (out, err)
        out, err = libcoap("-m", "post", "-t", "40", f"{uri}/rd?ep=other&lt=1x&lwm2m=1.1", payload=b"</1/0>")
        assert b"4.00" in out + err, (out, err)
        out, err = libcoap("-m", "post", "-t", "40", f"{uri}/rd?ep=other&lwm2m=2.0", payload=b"</1/0>")
        assert b"4.12" in out + err, (out, err)
        out, _ = libcoap("-m", "get", f"{uri}/.well-known/core")
        assert b'rt="core.rd"' in out, out
        libcoap("-m", "delete", f"{uri}/rd/{location}")
        assert server.endpoints() == [], server.endpoints()


def libcoap_client_moves_64_kib_and_observes():
    port = free_port()
    body = os.urandom(48 * 1024).hex()[: 64 * 1024].encode()
    with Program(f"{BINARIES}/coap-peer", "serve", f"127.0.0.1:{port}") as peer:
        peer.expect("ready")
        uri = f"coap://127.0.0.1:{port}"
        for size in ("1024", "64"):
            out, err = libcoap("-b", size, "-m", "put", f"{uri}/blob", payload=body)
            out, err = libcoap("-b", size, "-m", "get", f"{uri}/blob")
            assert out.strip() == body, (size, len(out), err)
        out, err = libcoap("-s", "2", "-m", "get", f"{uri}/ticks")
        assert out.count(b"tick") >= 4, (out, err)


def our_endpoint_manages_a_libcoap_server():
    port = free_port()
    with Program("coap-server-notls", "-A", "127.0.0.1", "-p", str(port), "-d", "10") as server, \
            tempfile.TemporaryDirectory() as folder:
        time.sleep(0.5)
        assert server.process.poll() is None, server.seen
        there, back = f"{folder}/there", f"{folder}/back"
        body = os.urandom(32 * 1024).hex().encode()
        with open(there, "wb") as file:
            file.write(body)
        uri = f"coap://127.0.0.1:{port}"

        def peer(*arguments):
            return subprocess.run([f"{BINARIES}/coap-peer", *arguments], check=True, capture_output=True, timeout=60).stdout

        assert b"2.01" in peer("put", f"{uri}/kept", there)
        peer("get", f"{uri}/kept", back)
        with open(back, "rb") as file:
            assert file.read() == body
        assert peer("observe", f"{uri}/time?ticks", "3").count(b"2.05") == 3


def aiocoap_device_is_managed():
    with Server(BINARIES) as server, \
            Program(sys.executable, f"{HERE}/device_aiocoap.py", f"coap://127.0.0.1:{server.coap}", "urn:dev:aiocoap 1") as device:
        device.expect(r"^registered 2\.01 rd/")
        name = urllib.parse.quote("urn:dev:aiocoap 1", safe="")
        root = f"/devices/{name}"
        objects = f"{root}/objects"
        assert server.get(f"{objects}/3/0/0")["value"] == "aiocoap"
        instance = server.get(f"{objects}/3/0")["resources"]
        assert instance["9"]["value"] == 87 and instance["11"]["values"] == {"0": 0}, instance
        # Answered separately, after an empty acknowledgement.
        assert server.get(f"{objects}/3303/0")["resources"]["5700"]["value"] == 22.5
        # Block-wise both ways.
        assert server.get(f"{objects}/3341/0/5527")["value"] == "x" * 4096
        status, body = server.ask("PUT", f"{objects}/3341/0/5527", {"value": "y" * 5000})
        assert status == 204 or status == 200, (status, body)
        device.expect(r"^written 5527 5000")
        assert server.get(f"{objects}/3341/0/5527")["value"] == "y" * 5000
        status, body = server.ask("POST", f"{objects}/3/0/4:execute", {"args": "0='now'"})
        assert status in (200, 204), (status, body)
        device.expect(r"^executed 0='now'")
        status, body = server.ask("GET", f"{objects}/3/0/77")
        assert status == 502 and body["coap_code"] == "4.04", (status, body)
        status, body = server.ask("POST", f"{root}/observations", {"path": "/3303/0/5700"})
        assert status in (200, 201), (status, body)

        def value():
            items = server.get(f"{root}/observations")["items"]
            return items and (items[0]["last"] or {}).get("value")

        first = server.wait_for(value)
        server.wait_for(lambda: value() >= first + 1.5)
        status, _ = server.ask("DELETE", f"{root}/observations?path=/3303/0/5700")
        assert status in (200, 204), status
        assert server.get(f"{root}/observations")["items"] == []
        device.say("update")
        device.expect(r"^updated 2\.04")
        assert server.get(root)["lifetime_s"] == 300
        device.say("stop")
        device.expect(r"^deregistered 2\.02")
        assert server.endpoints() == []


def our_client_is_managed_by_an_aiocoap_server():
    port = free_port()
    with Program(sys.executable, f"{HERE}/server_aiocoap.py", str(port)) as server:
        server.expect("^ready")
        with Program(
            f"{BINARIES}/lwm2m-client",
            "--server", f"coap://127.0.0.1:{port}",
            "--endpoint", "ours",
            "--lifetime", "120",
            "--simulate",
        ) as client:
            server.expect(r"^register .*ep=ours.*lt=120.*lwm2m=1\.")
            server.expect(r"^links .*</3/0>.*</3303/0>")
            server.expect(r"^read 2\.05 .")
            server.expect(r"^tlv 2\.05 \S* ?True|^tlv 2\.05 .*True")
            server.expect(r"^discover 2\.05 True")
            server.expect(r"^write 2\.04")
            server.expect(r"^lifetime True")
            server.expect(r"^security 4\.01")
            server.expect(r"^execute 4\.05")
            server.expect(r"^observed 2\.05 True")
            server.expect(r"^notified 3", 40)
            server.expect(r"^trigger 2\.04")
            server.expect(r"^stop", 20)
            client.say("deregister")
            server.expect(r"^deregister")


def have_aiocoap():
    return subprocess.run([sys.executable, "-c", "import aiocoap"], capture_output=True).returncode == 0


JUDGES = [
    (libcoap_registers_updates_and_leaves, lambda: shutil.which("coap-client-notls"), "libcoap3-bin"),
    (libcoap_client_moves_64_kib_and_observes, lambda: shutil.which("coap-client-notls"), "libcoap3-bin"),
    (our_endpoint_manages_a_libcoap_server, lambda: shutil.which("coap-server-notls"), "libcoap3-bin"),
    (aiocoap_device_is_managed, have_aiocoap, "aiocoap"),
    (our_client_is_managed_by_an_aiocoap_server, have_aiocoap, "aiocoap"),
]


def main():
    passed = failed = skipped = 0
    for judge, present, package in JUDGES:
        if not present():
            skipped += 1
            print(f"!! SKIPPED {judge.__name__}: {package} is not installed", flush=True)
            continue
        begun = time.monotonic()
        try:
            judge()
            passed += 1
            print(f"ok {judge.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {judge.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"interop: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
