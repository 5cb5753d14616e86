# SPDX-License-Identifier: Apache-2.0
"""Dials the echo server in each way given, says what came of it, and stays connected until it is told to leave.

usage: dial.py NAME=WAY/ADDRESS/PORT ...   WAY: tcp, udp (connected) or sendto
"""
import socket
import sys
import threading

from say import errno_of, say


def ask(way, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if way == "tcp" else socket.SOCK_DGRAM)
    sock.settimeout(5)
    if way == "sendto":
        sock.sendto(b"who", (address, int(port)))
    else:
        sock.connect((address, int(port)))
        sock.send(b"who")
    return sock, sock.recv(64).decode().split()[0]


def dial(name, way, address, port):
    try:
        sock, answer = ask(way, address, port)
    except OSError as error:
        say(name, answer=errno_of(error))
        return
    say(name, answer=answer)
    sock.settimeout(None)
    try:
        sock.recv(64)
        say(f"{name} broken", errno=None)
    except OSError as error:
        say(f"{name} broken", errno=errno_of(error))


def main(*targets):
    for target in targets:
        name, where = target.split("=")
        threading.Thread(target=dial, args=(name, *where.split("/")), daemon=True).start()
    sys.stdin.read()


main(*sys.argv[1:])
