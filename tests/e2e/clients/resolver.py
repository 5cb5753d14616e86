# SPDX-License-Identifier: Apache-2.0
"""A stub resolver, for ever on one socket, as a libc or a sidecar DNS cache has it.

usage: resolver.py HOST:PORT connected|unconnected|stream TIMEOUT
connected and unconnected are UDP. stream is TCP: a connection that breaks is an "error", and replaced at once.
Asks for who.test; every answer says which host gave it, whom recvfrom() and getpeername() named, and our port.
"""
import itertools
import socket
import struct
import sys
import time

from say import errno_of, peer_of, say


def query(number):
    header = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    return header + b"\x03who\x04test\0" + struct.pack("!2H", 1, 1)


def ask(udp, number, send):
    """The address that who.test has, and who answered; late answers to earlier questions are dropped."""
    send(query(number))
    while True:
        answer, source = udp.recvfrom(512)
        if struct.unpack("!H", answer[:2])[0] == number:
            return socket.inet_ntoa(answer[-4:]), source


def exactly(tcp, size):
    data = b""
    while len(data) < size:
        more = tcp.recv(size - len(data))
        if not more:
            raise ConnectionResetError("the server ended the connection")
        data += more
    return data


def ask_stream(tcp, number):
    message = query(number)
    tcp.sendall(struct.pack("!H", len(message)) + message)
    return socket.inet_ntoa(exactly(tcp, *struct.unpack("!H", exactly(tcp, 2)))[-4:])


def stream(host, port, timeout):
    tcp = None
    for number in itertools.count(1):
        try:
            tcp = tcp or socket.create_connection((host, port), timeout)
            say("answer", who=ask_stream(tcp, number & 0xffff), peer=peer_of(tcp), port=tcp.getsockname()[1])
        except OSError as error:
            say("timeout" if isinstance(error, TimeoutError) else "error", errno=errno_of(error))
            if tcp and not isinstance(error, TimeoutError):
                tcp.close()
                tcp = None
        time.sleep(0.02)


def main(address, mode, timeout):
    host, port = address.split(":")
    if mode == "stream":
        stream(host, int(port), float(timeout))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(float(timeout))
    send = udp.send
    if mode == "connected":
        udp.connect((host, int(port)))
    else:
        def send(data):
            udp.sendto(data, (host, int(port)))
    for number in itertools.count(1):
        try:
            who, source = ask(udp, number & 0xffff, send)
            say("answer", who=who, source=list(source), peer=peer_of(udp), port=udp.getsockname()[1])
        except TimeoutError:
            say("timeout", peer=peer_of(udp), port=udp.getsockname()[1])
        except OSError as error:
            say("error", errno=errno_of(error), peer=peer_of(udp))
        time.sleep(0.02)


main(*sys.argv[1:])
