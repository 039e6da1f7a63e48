"""Reads what the ends of a connection have sent, one in each file, and writes a line
for each message: the opcode, whether it was compressed, and the SHA-256 of what it
inflates to. Then comes a line about zlib with half of the window.

    inflate.py BITS takeover|fresh FILE...

zlib has exactly the window of the arguments and gets and gives one byte at a time,
since it judges a distance only by the window as it was before the call.
"""

import hashlib
import sys
import zlib

BITS, TAKEOVER, FILES = int(sys.argv[1]), sys.argv[2] == "takeover", sys.argv[3:]
TEXT, BINARY = 1, 2


def frames(stream):
    """Yields the final bit, the first reserved bit, the opcode and the payload of
    each frame, unmasked (RFC 6455, section 5.2)."""
    while head := stream.read(2):
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(stream.read(2), "big")
        elif length == 127:
            length = int.from_bytes(stream.read(8), "big")
        key = stream.read(4) if head[1] & 0x80 else bytes(4)
        payload = stream.read(length)
        long_key = (key * (length // 4 + 1))[:length]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(long_key, "big")).to_bytes(length, "big")
        yield bool(head[0] & 0x80), bool(head[0] & 0x40), head[0] & 0x0F, payload


def messages(stream):
    """Yields the opcode, whether it is compressed, and the payload of each message."""
    for final, compressed, opcode, payload in frames(stream):
        if opcode in (TEXT, BINARY):
            message = opcode, compressed, bytearray()
        elif opcode != 0:
            continue
        message[2].extend(payload)
        if final:
            yield message


def inflate(inflater, payload):
    out = bytearray()
    for byte in payload + b"\0\0\xff\xff":  # RFC 7692, section 7.2.2
        piece = inflater.decompress(bytes((byte,)), 1)
        while piece:
            out += piece
            piece = inflater.decompress(inflater.unconsumed_tail, 1)
    return out


def inflated(stream, bits):
    """Yields the opcode, whether it was compressed, and the data of each message."""
    while stream.readline().strip():  # the head of the handshake
        pass
    inflater = None
    for opcode, compressed, payload in messages(stream):
        if compressed:
            if inflater is None or not TAKEOVER:
                inflater = zlib.decompressobj(-bits)
            payload = inflate(inflater, payload)
        yield opcode, compressed, payload


def half_a_window(name):
    if BITS == 8:
        return "zlib has no smaller window"
    try:
        with open(name, "rb") as stream:
            for _ in inflated(stream, BITS - 1):
                pass
    except zlib.error:
        return "half of the window is too little"
    return "half of the window is enough"


for name in FILES:
    with open(name, "rb") as stream:
        for opcode, compressed, data in inflated(stream, BITS):
            print(opcode, "deflated" if compressed else "plain", hashlib.sha256(data).hexdigest())
    print(half_a_window(name))
