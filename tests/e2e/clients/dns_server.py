# SPDX-License-Identifier: Apache-2.0
"""A name server over UDP that misbehaves as it is told. It says each question that it hears.

usage: dns_server.py ADDRESS SCRIPT

SCRIPT is a file of JSON, read again for each question:
  records  {"echo.test": {"A": ["10.0.0.1"], "AAAA": [], "SRV": [[0, 1, 7000, "n0.test"]]}}; other names are NXDOMAIN
  rules    [{"name": REGEX, "type": "AAAA", "edns": true, "delay": 0.3, "do": DO}]: the first that fits; DO is drop, bare
           (FORMERR without the question), or a response code: servfail, refused, notimp, formerr
  rotate   this many addresses of a name at a time, others each time
An answer that does not fit into 512 bytes, or what EDNS allows, is truncated.
"""
import json
import re
import socket
import struct
import sys
import threading

from say import say

TYPES = {1: "A", 28: "AAAA", 33: "SRV"}
CODES = {"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5}
TTL = 1


def read_question(message):
    """(name, type, where it ends, size that EDNS allows or 0)"""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    kind, = struct.unpack_from("!H", message, at + 1)
    end = at + 5
    size = 0
    if struct.unpack_from("!H", message, 10)[0]:
        _, size = struct.unpack_from("!HH", message, end + 1)
    return ".".join(labels).lower(), TYPES.get(kind, kind), end, size


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def encode(kind, record):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, record)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, record)
    return struct.pack("!HHH", *record[:3]) + encode_name(record[3])


def answer(message, end, kind, code, records, size):
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", {v: k for k, v in TYPES.items()}[kind], 1, TTL, len(data)) + data
                    for data in (encode(kind, record) for record in records))
    question = message[12:end]
    too_long = 12 + len(question) + len(body) > max(size, 512)
    if too_long:
        records, body = [], b""
    head = message[:2] + struct.pack("!HHHHH", 0x8180 | (0x0200 if too_long else 0) | code, 1, len(records), 0, 0)
    return head + question + body


class Server:
    def __init__(self, address, script):
        self.script, self.turns = script, {}
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))

    def reply(self, message):
        """(seconds to wait, answer or None)"""
        name, kind, end, size = read_question(message)
        with open(self.script) as file:
            script = json.load(file)
        say("asked", name=name, type=kind, edns=bool(size))
        rule = next((r for r in script.get("rules", []) if re.fullmatch(r.get("name", ".*"), name) and
                     r.get("type", kind) == kind and r.get("edns", bool(size)) == bool(size)), {})
        delay, do = rule.get("delay", 0), rule.get("do")
        if do == "drop":
            return delay, None
        if do == "bare":
            return delay, message[:2] + struct.pack("!HHHHH", 0x8181, 0, 0, 0, 0)
        known = script["records"].get(name)
        records = (known or {}).get(kind, [])
        if script.get("rotate") and records:
            turn = self.turns[name, kind] = self.turns.get((name, kind), 0) + script["rotate"]
            records = [records[(turn + i) % len(records)] for i in range(script["rotate"])]
        code = CODES[do or ("nxdomain" if known is None else "noerror")]
        return delay, answer(message, end, kind, code, [] if code else records, size)

    def serve(self):
        say("listening")
        while True:
            message, peer = self.socket.recvfrom(4096)
            delay, reply = self.reply(message)
            if reply:
                threading.Timer(delay, self.socket.sendto, (reply, peer)).start()


Server(*sys.argv[1:]).serve()
