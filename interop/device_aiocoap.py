"""A device on aiocoap: registers, serves /3/0, /3303/0 and /3341/0, notifies, answers block-wise and separately.

Usage: device_aiocoap.py SERVER-URI ENDPOINT [IDENTITY HEX-KEY]
Prints one line per thing that happened; ends on "stop" from stdin. A coaps URI needs identity and key, and DTLSSocket.
"""

import asyncio
import sys

import aiocoap
from aiocoap import resource

TEXT, LINK, TLV = 0, 40, 11542


def tlv(kind, number, value):
    """One TLV entry; kind is the two type bits in place."""
    size = len(value)
    wide = number > 255
    head = kind | (0x20 if wide else 0)
    body = number.to_bytes(2 if wide else 1, "big")
    if size < 8:
        return bytes([head | size]) + body + value
    if size < 256:
        return bytes([head | 0x08]) + body + bytes([size]) + value
    return bytes([head | 0x10]) + body + size.to_bytes(2, "big") + value


def say(*words):
    print(*words, flush=True)


class Value(resource.Resource):
    """A resource with a text value, also as TLV."""

    def __init__(self, number, text, writable=False):
        super().__init__()
        self.number, self.text, self.writable = number, text, writable

    async def render_get(self, request):
        if request.opt.accept == TLV:
            return aiocoap.Message(payload=tlv(0xC0, self.number, self.text.encode()), content_format=TLV)
        return aiocoap.Message(payload=self.text.encode(), content_format=TEXT)

    async def render_put(self, request):
        if not self.writable:
            return aiocoap.Message(code=aiocoap.METHOD_NOT_ALLOWED)
        payload = request.payload
        if request.opt.content_format == TLV:
            skip = 2 + (1 if payload[0] & 0x20 else 0) + ((payload[0] >> 3) & 3)
            payload = payload[skip:]
        self.text = payload.decode()
        say("written", self.number, len(self.text))
        return aiocoap.Message(code=aiocoap.CHANGED)


class Temperature(resource.ObservableResource):
    def __init__(self):
        super().__init__()
        self.value = 20.0

    async def tick(self):
        while True:
            await asyncio.sleep(0.3)
            self.value += 0.5
            self.updated_state()

    async def render_get(self, request):
        return aiocoap.Message(payload=f"{self.value:.1f}".encode(), content_format=TEXT)


class SlowInstance(resource.Resource):
    """Answers separately: later than a piggybacked answer may come."""

    async def render_get(self, request):
        await asyncio.sleep(1.5)
        import struct

        value = tlv(0xC0, 5700, struct.pack(">d", 22.5)) + tlv(0xC0, 5701, b"Cel")
        return aiocoap.Message(payload=value, content_format=TLV)


class DeviceInstance(resource.Resource):
    async def render_get(self, request):
        value = tlv(0xC0, 0, b"aiocoap") + tlv(0xC0, 9, bytes([87])) + tlv(0x80, 11, tlv(0x40, 0, b"\0"))
        return aiocoap.Message(payload=value, content_format=TLV)


class Reboot(resource.Resource):
    async def render_post(self, request):
        say("executed", request.payload.decode())
        return aiocoap.Message(code=aiocoap.CHANGED)


async def main(server, endpoint, identity="", key=""):
    site = resource.Site()
    temperature = Temperature()
    site.add_resource(["3", "0"], DeviceInstance())
    site.add_resource(["3", "0", "0"], Value(0, "aiocoap"))
    site.add_resource(["3", "0", "4"], Reboot())
    site.add_resource(["3303", "0"], SlowInstance())
    site.add_resource(["3303", "0", "5700"], temperature)
    site.add_resource(["3341", "0", "5527"], Value(5527, "x" * 4096, writable=True))
    context = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", None))
    if key:
        psk = {"psk": bytes.fromhex(key), "client-identity": identity.encode()}
        context.client_credentials.load_from_dict({server + "/*": {"dtls": psk}})
    links = '</>;rt="oma.lwm2m";ct="0 11542",</1/0>,</3/0>,</3303/0>,</3341/0>'

    async def ask(code, path, query, payload=b""):
        message = aiocoap.Message(code=code, uri=server + path + query, payload=payload)
        if payload:
            message.opt.content_format = LINK
        return await context.request(message).response

    answer = await ask(aiocoap.POST, "/rd", f"?ep={endpoint}&lt=120&lwm2m=1.1&b=U", links.encode())
    say("registered", answer.code.dotted, "/".join(answer.opt.location_path))
    location = "/" + "/".join(answer.opt.location_path)
    ticking = asyncio.create_task(temperature.tick())
    lines = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline().strip()))
    while True:
        line = await lines.get()
        if line == "update":
            answer = await ask(aiocoap.POST, location, "?lt=300")
            say("updated", answer.code.dotted)
        elif line in ("stop", ""):
            break
    answer = await ask(aiocoap.DELETE, location, "")
    say("deregistered", answer.code.dotted)
    ticking.cancel()
    await context.shutdown()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
