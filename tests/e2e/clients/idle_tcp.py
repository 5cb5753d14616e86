# SPDX-License-Identifier: Apache-2.0
"""Idle TCP connections, one through each address given. Whichever breaks is connected again at once.

usage: idle_tcp.py NAME=ADDRESS/PORT ...
"""
import socket
import sys
import threading

from say import errno_of, peer_of, say


def connect(address, port):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.connect((address, int(port)))
    return sock


def ask(sock):
    sock.sendall(b"who")
    return sock.recv(64).decode().strip()


def stay(name, address, port):
    while True:
        sock = connect(address, port)
        say(name, host=ask(sock), peer=peer_of(sock)[:2])
        try:
            sock.recv(64)
            say(f"{name} broken", errno=None)
        except OSError as error:
            say(f"{name} broken", errno=errno_of(error))
        sock.close()


def main(*targets):
    for target in targets:
        name, where = target.split("=")
        threading.Thread(target=stay, args=(name, *where.split("/"))).start()


main(*sys.argv[1:])
