"""Python's websockets as one end of one connection: commands come in on standard
input and events go out on standard output, one JSON object a line (see
../../peer.go)."""

import asyncio
import base64
import http
import json
import os
import sys
import traceback

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

SETUP = json.loads(sys.argv[1])
LINE_LIMIT = 16 << 20  # bytes: a message of a few MiB in base64


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def extensions(factory, any_client_window):
    """What websockets takes for extensions. It compresses every message then."""
    d = SETUP["deflate"]
    return d and [
        factory(
            server_no_context_takeover=d["server_no_context_takeover"],
            client_no_context_takeover=d["client_no_context_takeover"],
            server_max_window_bits=d["server_max_window_bits"] or None,
            client_max_window_bits=d["client_max_window_bits"] or any_client_window,
        )
    ]


async def client():
    try:
        ws = await connect(
            SETUP["url"],
            subprotocols=SETUP["subprotocols"] or None,
            origin=SETUP["origin"] or None,
            compression=None,
            extensions=extensions(ClientPerMessageDeflateFactory, True),
            max_size=None,
            ping_interval=None,
            proxy=None,
        )
    except InvalidStatus as refusal:
        say("refused", status=refusal.response.status_code)
        return
    await talk(ws)


async def server():
    over = asyncio.Event()

    async def one(ws):
        await talk(ws)
        over.set()

    def admit(ws, request):
        if SETUP["refuse"]:
            return ws.respond(http.HTTPStatus(SETUP["refuse"]), "no\n")

    async with serve(
        one,
        "127.0.0.1",
        0,
        subprotocols=SETUP["subprotocols"] or None,
        process_request=admit,
        compression=None,
        extensions=extensions(ServerPerMessageDeflateFactory, None),
        max_size=None,
        ping_interval=None,
    ) as listener:
        say("listening", port=listener.sockets[0].getsockname()[1])
        await over.wait()


async def talk(ws):
    agreed = ws.response.headers.get("Sec-WebSocket-Extensions", "")
    say("open", subprotocol=ws.subprotocol or "", extensions=agreed)
    commands = asyncio.create_task(obey(ws))
    commands.add_done_callback(no_more_commands)
    try:
        while True:
            message = await ws.recv()
            text = isinstance(message, str)
            data = message.encode() if text else message
            say("message", type="text" if text else "binary", data=base64.b64encode(data).decode())
    except ConnectionClosed:
        pass
    await ws.wait_closed()
    say("close", code=ws.close_code, reason=ws.close_reason)
    commands.cancel()


async def obey(ws):
    stdin = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
    )
    while line := await stdin.readline():
        command = json.loads(line)
        match command["do"]:
            case "send":
                await send(ws, command)
            case "ping":
                await (await ws.ping("are you there"))
                say("pong")
            case "close":
                code = None if command["code"] == 1005 else command["code"]
                await ws.close(code, command["reason"])
            case unknown:
                raise ValueError(f"unknown command {unknown}")


def no_more_commands(task):
    """Ends the process when the test is gone, or asked for what failed."""
    if not task.cancelled():
        if task.exception():
            traceback.print_exception(task.exception())
        os._exit(1)


async def send(ws, command):
    text = command["type"] == "text"
    parts = [base64.b64decode(part) for part in command["parts"]]
    await ws.send(parts[0] if len(parts) == 1 else parts, text=text)


asyncio.run(client() if SETUP["role"] == "client" else server())
