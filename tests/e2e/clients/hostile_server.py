# SPDX-License-Identifier: Apache-2.0
"""Health check peers as nobody wants them, one port for each manner, in the order of MANNERS.

usage: hostile_server.py ADDRESS FIRST_PORT
"""
import os
import socket
import struct
import sys
import threading
import time

from say import say

ABORT = struct.pack("ii", 1, 0)
GIGABYTE = 1 << 30


def hang(peer):
    while peer.recv(4096):
        pass


def drip(peer):
    for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 1000:
        peer.sendall(bytes([byte]))
        time.sleep(0.02)


def flood_body(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIGABYTE)
    for _ in range(GIGABYTE // 65536):
        peer.sendall(b"x" * 65536)


def flood_header(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(GIGABYTE // 4096):
        peer.sendall(b"X-Filler: " + b"x" * 4084 + b"\r\n")


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)


def redirect(peer):
    peer.sendall(b"HTTP/1.1 301 Moved\r\nLocation: http://198.18.0.1/\r\nContent-Length: 0\r\n\r\n")


def garbage(peer):
    peer.sendall(os.urandom(4096) + b"\r\n\r\n")


def close_early(peer):
    peer.sendall(b"HTTP/1.1 200 O")


def late(peer):
    """Well, but in no hurry."""
    say("asked")
    time.sleep(0.1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


MANNERS = [hang, drip, flood_body, flood_header, reset, redirect, garbage, close_early, late]


def serve_one(manner, peer):
    with peer:
        try:
            if peer.recv(4096):  # a watch connection asks for nothing and gets nothing
                manner(peer)
        except OSError:
            pass


def serve(manner, listener):
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=serve_one, args=(manner, peer), daemon=True).start()


def main(address, first_port):
    for number, manner in enumerate(MANNERS):
        listener = socket.create_server((address, first_port + number))
        threading.Thread(target=serve, args=(manner, listener), daemon=True).start()
    say("listening")
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
