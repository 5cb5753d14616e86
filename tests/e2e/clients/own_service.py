# SPDX-License-Identifier: Apache-2.0
"""A server that is also a client of the service it is a backend of, in one process.

usage: own_service.py SERVICE_HOST:PORT OWN_ADDRESS OWN_PORT
"""
import socket
import sys

from say import errno_of, say


def over_tcp(service, server):
    with socket.create_connection(service, timeout=5) as client:
        connection, accepted = server.accept()
        with connection:
            client.sendall(b"hello")
            say("tcp", heard=connection.recv(64).decode(), peer=list(client.getpeername()),
                accepted=list(accepted), accepted_peer=list(connection.getpeername()),
                local=list(client.getsockname()))


def over_udp(service, server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(service)
        client.send(b"hello")
        heard, source = server.recvfrom(64)
        server.sendto(b"reply", source)
        answer, named = client.recvfrom(64)
        say("udp", heard=heard.decode(), source=list(source), local=list(client.getsockname()),
            answer=answer.decode(), named=list(named), peer=list(client.getpeername()))


def main(service, address, port):
    host, service_port = service.split(":")
    tcp = socket.create_server((address, int(port)))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, int(port)))
    udp.settimeout(5)
    say("listening")
    sys.stdin.readline()
    # Health checks connect too: serve them until it is our own turn.
    tcp.settimeout(0.05)
    while True:
        try:
            tcp.accept()[0].close()
        except TimeoutError:
            break
    tcp.settimeout(5)
    for attempt in (lambda: over_tcp((host, int(service_port)), tcp), lambda: over_udp((host, int(service_port)), udp)):
        try:
            attempt()
        except OSError as error:
            say("error", errno=errno_of(error))


main(*sys.argv[1:])
