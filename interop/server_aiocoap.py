"""An LwM2M server on aiocoap: takes a registration and manages the device that sent it.

Usage: server_aiocoap.py PORT [IDENTITY HEX-KEY]
Prints one line per thing that happened and ends when the device has left. With a key it speaks DTLS, by DTLSSocket, on the next port.
"""

import asyncio
import sys

import aiocoap
from aiocoap import resource
from aiocoap.credentials import CredentialsMap

TEXT, TLV = 0, 11542


def say(*words):
    print(*words, flush=True)


class Registrations(resource.Resource):
    def __init__(self, devices):
        super().__init__()
        self.devices = devices

    async def render_post(self, request):
        say("register", *sorted(request.opt.uri_query))
        say("links", request.payload.decode())
        self.devices.put_nowait(request.remote)
        answer = aiocoap.Message(code=aiocoap.CREATED)
        answer.opt.location_path = ("rd", "x1", "deep")
        return answer


class Registration(resource.Resource):
    def __init__(self, updates, left):
        super().__init__()
        self.updates, self.left = updates, left

    async def render_post(self, request):
        say("update", *sorted(request.opt.uri_query))
        self.updates.put_nowait(request)
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_delete(self, request):
        say("deregister")
        self.left.set()
        return aiocoap.Message(code=aiocoap.DELETED)


async def main(port, identity="", key=""):
    devices, updates, left = asyncio.Queue(), asyncio.Queue(), asyncio.Event()
    site = resource.Site()
    site.add_resource(["rd"], Registrations(devices))
    site.add_resource(["rd", "x1", "deep"], Registration(updates, left))
    keys, transports = CredentialsMap(), None
    if key:
        from aiocoap.transports import tinydtls_server

        async def recognize_remote(self, remote):
            return isinstance(remote, tinydtls_server._AddressDTLS)

        # aiocoap 0.4.14 does not know its own DTLS peers when a request is for one of them.
        tinydtls_server.MessageInterfaceTinyDTLSServer.recognize_remote = recognize_remote
        psk = {"psk": bytes.fromhex(key), "client-identity": identity.encode()}
        keys.load_from_dict({":device": {"dtls": psk}})
        transports = ["tinydtls_server"]
    context = await aiocoap.Context.create_server_context(
        site, bind=("127.0.0.1", int(port)), transports=transports, server_credentials=keys
    )
    say("ready")
    device = await devices.get()
    await asyncio.sleep(0.2)

    def message(code, path, payload=b"", content_format=None, accept=None, observe=None):
        made = aiocoap.Message(code=code, payload=payload)
        made.opt.uri_path = [segment for segment in path.split("/") if segment]
        if content_format is not None:
            made.opt.content_format = content_format
        if accept is not None:
            made.opt.accept = accept
        if observe is not None:
            made.opt.observe = observe
        made.remote = device
        return made

    async def ask(*args, **kwargs):
        return await context.request(message(*args, **kwargs)).response

    answer = await ask(aiocoap.GET, "/3/0/0", accept=TEXT)
    say("read", answer.code.dotted, answer.payload.decode())
    answer = await ask(aiocoap.GET, "/3/0", accept=TLV)
    say("tlv", answer.code.dotted, answer.opt.content_format, len(answer.payload) > 20)
    answer = await ask(aiocoap.GET, "/3", accept=40)
    say("discover", answer.code.dotted, b"</3/0/0>" in answer.payload)
    answer = await ask(aiocoap.PUT, "/1/0/1", b"333", content_format=TEXT)
    say("write", answer.code.dotted)
    update = await asyncio.wait_for(updates.get(), 10)
    say("lifetime", "lt=333" in update.opt.uri_query)
    answer = await ask(aiocoap.GET, "/0/0", accept=TLV)
    say("security", answer.code.dotted)
    answer = await ask(aiocoap.POST, "/3/0/0")
    say("execute", answer.code.dotted)

    observation = context.request(message(aiocoap.GET, "/3303/0/5700", accept=TEXT, observe=0))
    first = await observation.response
    say("observed", first.code.dotted, first.opt.observe is not None)
    seen = 0
    async for notification in observation.observation:
        float(notification.payload)
        seen += 1
        if seen == 3:
            break
    observation.observation.cancel()
    say("notified", seen)

    answer = await ask(aiocoap.POST, "/1/0/8")
    say("trigger", answer.code.dotted)
    await asyncio.wait_for(updates.get(), 10)
    say("stop")
    await asyncio.wait_for(left.wait(), 10)
    await context.shutdown()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
