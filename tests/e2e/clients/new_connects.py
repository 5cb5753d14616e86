# SPDX-License-Identifier: Apache-2.0
"""One connection after the other, each asked who serves it (an echo server or nginx's /who), until standard input
closes. Says each failure, and who serves, each name once since the last failure.

usage: new_connects.py HOST:PORT
"""
import socket
import sys
import threading
import time

from say import errno_of, say

stop = threading.Event()


def ask(host, port):
    with socket.create_connection((host, port), timeout=5) as sock:
        sock.sendall(b"GET /who HTTP/1.0\r\n\r\n")
        return sock.recv(4096).decode().split()[-1]


def main(address):
    host, port = address.rsplit(":", 1)
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    said, count = set(), 0
    while not stop.is_set():
        try:
            by = ask(host, int(port))
            count += 1
            if by not in said:
                say("served", by=by)
            said.add(by)
        except (OSError, IndexError) as error:
            say("failed", errno=errno_of(error), what=repr(error))
            said.clear()
        time.sleep(0.002)
    say("done", served=count)


main(*sys.argv[1:])
