# SPDX-License-Identifier: Apache-2.0
"""Every way to wait for a host that has vanished, at once. Says what wakes up, and what the next try does.

usage: hang.py ADDRESS PORT
"""
import socket
import sys
import threading

from say import errno_of, say


def attempt(what, action):
    try:
        say(what, result=str(action()))
    except OSError as error:
        say(what, error=errno_of(error))


def later(what, action):
    threading.Thread(target=attempt, args=(what, action), daemon=True).start()


def main(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    idle, busy, datagram = (socket.create_connection((address, port)), socket.create_connection((address, port)),
                            socket.socket(family, socket.SOCK_DGRAM))
    datagram.connect((address, port))
    for connected in (idle, busy, datagram):
        connected.sendall(b"who")
        connected.recv(64)
    say("connected")
    later("idle woke", lambda: idle.recv(64))
    sys.stdin.readline()
    attempt("datagram sent", lambda: datagram.send(b"who"))
    attempt("bytes sent", lambda: busy.send(b"who"))
    later("datagram answered", lambda: datagram.recv(64))
    later("bytes answered", lambda: busy.recv(64))
    later("new connection", lambda: socket.create_connection((address, port)))
    say("trying")
    sys.stdin.readline()


main(sys.argv[1], int(sys.argv[2]))
