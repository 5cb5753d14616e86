# SPDX-License-Identifier: Apache-2.0
"""A server for TCP and UDP on one port: answers its own name to whatever it hears, and keeps connections.

usage: echo_server.py ADDRESS PORT NAME [BACKLOG]
"""
import selectors
import socket
import sys

from say import say


def accept(server, name, selector):
    connection, peer = server.accept()
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ, lambda: answer(connection, name, selector))
    say("accepted", peer=peer[0], port=peer[1])


def answer(connection, name, selector):
    try:
        heard = connection.recv(4096)
        if heard:
            connection.sendall(name + b"\n")
    except OSError:
        heard = b""
    if not heard:
        selector.unregister(connection)
        connection.close()
        say("closed")


def answer_datagram(server, name):
    heard, peer = server.recvfrom(4096)
    server.sendto(name + b" " + heard, peer)


def main(address, port, name, backlog=128):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tcp, udp = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for server in (tcp, udp):
        server.bind((address, int(port)))
    tcp.listen(int(backlog))
    selector = selectors.DefaultSelector()
    selector.register(tcp, selectors.EVENT_READ, lambda: accept(tcp, name.encode(), selector))
    selector.register(udp, selectors.EVENT_READ, lambda: answer_datagram(udp, name.encode()))
    say("listening")
    while True:
        for key, _ in selector.select():
            key.data()


main(*sys.argv[1:])
