# SPDX-License-Identifier: Apache-2.0
"""TCP sessions with echo servers, one through each address given. Each line of standard input has all of them ask
who serves them, on the connections that they have. Says what breaks, and does not connect again.

usage: sessions.py NAME=ADDRESS/PORT ...
"""
import selectors
import socket
import sys

from say import errno_of, say


def main(*targets):
    selector, names = selectors.DefaultSelector(), {}
    for target in targets:
        name, where = target.split("=")
        address, port = where.split("/")
        sock = socket.create_connection((address, int(port)), timeout=5)
        sock.sendall(b"who")
        say(name, host=sock.recv(64).decode().strip())
        names[sock] = name
        selector.register(sock, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                if not sys.stdin.readline():
                    return
                for sock in names:
                    sock.send(b"who")
                continue
            name = names[key.fileobj]
            try:
                heard, error = key.fileobj.recv(64).decode().strip(), None
            except OSError as failure:
                heard, error = "", errno_of(failure)
            if heard:
                say(f"{name} goes on", host=heard)
                continue
            say(f"{name} broken", errno=error)
            selector.unregister(key.fileobj)
            del names[key.fileobj]


main(*sys.argv[1:])
