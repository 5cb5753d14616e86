# SPDX-License-Identifier: Apache-2.0
"""A backend: TCP and UDP, IPv4 and IPv6, on each of its ports.

usage: server.py NAME PORT...
TCP: greets with "NAME", answers "NAME token" to each line "token". "hold" keeps its side open when the client
closes its own, "bye" closes its own side first. UDP: the same, but nothing is said to what begins with "-".
"""
import select
import socket
import sys

TICK = 2.0  # how often a held connection is written to, so that one whose client is gone is noticed


def listen(family, kind, port):
    server = socket.socket(family, kind)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind == socket.SOCK_STREAM:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setblocking(False)
    server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        server.listen(4096)
    return server


class Connection:
    def __init__(self, sock, name):
        self.sock, self.name, self.rest, self.held, self.ended = sock, name, b"", False, False
        sock.setblocking(False)
        self.say(name + b"\n")

    def say(self, words):
        try:
            self.sock.send(words)
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def hear(self):
        """False: nothing more will come, but this side stays open."""
        try:
            heard = self.sock.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            heard = b""
            self.held = False
        if not heard:
            self.ended = self.ended or not self.held
            return False
        *lines, self.rest = (self.rest + heard).split(b"\n")
        answers = [self.name + b" " + line + b"\n" for line in lines if line not in (b"", b"hold", b"bye")]
        self.held = self.held or b"hold" in lines
        if answers:
            self.say(b"".join(answers))
        if b"bye" in lines:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.ended = True
        return True


class Server:
    def __init__(self, name, ports):
        self.name, self.epoll, self.connections, self.servers = name.encode(), select.epoll(), {}, {}
        for port in ports:
            for family in (socket.AF_INET, socket.AF_INET6):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    server = listen(family, kind, port)
                    self.servers[server.fileno()] = server
                    self.epoll.register(server, select.EPOLLIN)

    def accept(self, server):
        try:
            while True:
                connection = Connection(server.accept()[0], self.name)
                self.connections[connection.sock.fileno()] = connection
                self.epoll.register(connection.sock, select.EPOLLIN)
        except OSError:
            pass

    def answer(self, server):
        try:
            while True:
                heard, peer = server.recvfrom(4096)
                if not heard.startswith(b"-"):
                    server.sendto(self.name + b" " + heard, peer)
        except OSError:
            pass

    def serve(self, fd, events):
        connection = self.connections[fd]
        if events & (select.EPOLLERR | select.EPOLLHUP):
            connection.ended = True
        elif not connection.hear():
            self.epoll.modify(fd, 0)
        self.forget(fd)

    def forget(self, fd):
        connection = self.connections[fd]
        if connection.ended:
            del self.connections[fd]
            connection.sock.close()

    def run(self):
        while True:
            events = self.epoll.poll(TICK)
            for fd, what in events:
                server = self.servers.get(fd)
                if server is None:
                    self.serve(fd, what)
                elif server.type == socket.SOCK_STREAM:
                    self.accept(server)
                else:
                    self.answer(server)
            for fd, connection in [c for c in self.connections.items() if c[1].held] if not events else []:
                connection.say(b"\n")
                self.forget(fd)


def main(name, *ports):
    server = Server(name, [int(port) for port in ports])
    print('{"event": "listening", "t": 1}', flush=True)
    server.run()


main(*sys.argv[1:])
