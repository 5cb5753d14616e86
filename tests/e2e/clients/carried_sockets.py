# SPDX-License-Identifier: Apache-2.0
"""Sockets that cross the border of a cgroup: each says where it was made and what its connect() did.

usage: carried_sockets.py SERVICE_HOST:PORT CGROUP_INSIDE CGROUP_OUTSIDE
"""
import socket
import sys
import threading

from say import errno_of, say


def move(cgroup):
    with open(f"{cgroup}/cgroup.procs", "w") as procs:
        procs.write("0")


def connect(name, sock, service):
    """Connects, asks who answers, and waits for the end of the connection."""
    try:
        sock.connect(service)
        sock.sendall(b"who")
        say(name, host=sock.recv(64).decode().strip(), peer=list(sock.getpeername()))
        threading.Thread(target=wait, args=(name, sock)).start()
    except OSError as error:
        say(name, errno=errno_of(error))


def wait(name, sock):
    try:
        sock.recv(64)
    except OSError as error:
        say(f"{name} ended", errno=errno_of(error))


def main(address, inside, outside):
    host, port = address.split(":")
    service = (host, int(port))
    brought_in = socket.socket()
    move(inside)
    native, carried_out = socket.socket(), socket.socket()
    connect("brought in", brought_in, service)
    connect("native", native, service)
    move(outside)
    connect("carried out", carried_out, service)
    connect("foreign", socket.socket(), service)


main(*sys.argv[1:])
