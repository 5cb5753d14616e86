# SPDX-License-Identifier: Apache-2.0
"""Opens a TCP connection and a UDP socket, and never looks at them again; SIGUSR1: unconnects the UDP socket.

usage: ended_sockets.py TCP_HOST:PORT UDP_HOST:PORT
"""
import ctypes
import signal
import socket
import sys

from say import peer_of, say


def unconnect(sock):
    nobody = bytes(16)  # AF_UNSPEC
    ctypes.CDLL(None, use_errno=True).connect(sock.fileno(), nobody, len(nobody))


def main(*services):
    sockets = []
    for kind, address in zip((socket.SOCK_STREAM, socket.SOCK_DGRAM), services):
        host, port = address.split(":")
        sockets.append(socket.socket(socket.AF_INET, kind))
        sockets[-1].connect((host, int(port)))
    say("open")
    signal.sigwait({signal.SIGUSR1})
    unconnect(sockets[1])
    say("unconnected", peer=peer_of(sockets[1]))
    signal.pause()


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
main(*sys.argv[1:])
