# SPDX-License-Identifier: Apache-2.0
"""TCP applications: idle, busy, half-closed by us (fin_wait) and by the server (close_wait)."""
import errno
import select
import socket
import struct

from base import RETRY, Application, cookie_of, error_of, now


class Tcp(Application):
    active = ("busy", "close_wait")

    def start(self):
        self.drop()
        self.seen_end, self.rest, self.backend, self.answered = False, b"", None, self.seq
        self.sock = socket.socket(self.family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.cookie, self.opened, self.state = cookie_of(self.sock), now(), "c"
        try:
            self.sock.connect(self.addresses[0])
        except BlockingIOError:
            pass
        except OSError as error:
            return self.lost(error.errno)
        self.register(select.EPOLLIN | select.EPOLLOUT)

    def adopt(self, state):
        """A descriptor that another process passed on."""
        self.__dict__.update(state)
        self.rest = self.rest.encode()
        self.register(0 if self.seen_end else select.EPOLLIN)

    def passport(self):
        if self.state != "e" or self.backend is None or self.kind == "busy":
            return None
        return {"state": "e", "opened": self.opened, "backend": self.backend, "rest": self.rest.decode(),
                "seen_end": self.seen_end, "seq": self.seq, "answered": self.answered}

    def on_events(self, events):
        error = error_of(self.sock) if events & (select.EPOLLERR | select.EPOLLHUP) else 0
        if error:
            return self.lost(error)
        if self.state == "c" and events & select.EPOLLOUT:
            self.connected()
        if self.sock is not None and events & (select.EPOLLIN | select.EPOLLHUP):
            self.read()

    def connected(self):
        self.state = "e"
        self.member.watch(self.sock, select.EPOLLIN, self)
        try:
            peer = self.sock.getpeername()[:2]
        except OSError:
            return  # ended already: its error is on the way
        if peer != self.addresses[0]:
            self.wrong("getpeername", seen=peer)

    def read(self):
        try:
            heard = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            return self.lost(error.errno)
        if not heard:
            return self.server_closed()
        *lines, self.rest = (self.rest + heard).split(b"\n")
        for line in [line for line in lines if line]:
            if self.backend is None:
                self.greeted(line.decode())
            else:
                self.heard_token(line.decode())
                self.answered = self.seq

    def greeted(self, backend):
        self.backend, self.heard = backend, now()
        if self.kind == "fin_wait":
            self.send(b"hold\n")
            self.shut()
        elif self.kind == "close_wait":
            self.send(b"bye\n")

    def shut(self):
        try:
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # ended already: its error is on the way

    def server_closed(self):
        if self.kind == "close_wait" and self.backend is not None and not self.seen_end:
            self.seen_end = True
            return self.member.watch(self.sock, 0, self)
        self.lost("EOF")

    def tick(self):
        if self.state != "e" or self.backend is None:
            return
        if self.kind == "busy" and self.seq < self.answered + 8:
            self.send(self.token().encode() + b"\n")
        elif self.kind == "close_wait":
            self.send(b"\n")

    def send(self, words):
        try:
            self.sock.send(words)
        except BlockingIOError:
            pass
        except OSError as error:
            self.lost(error.errno)

    def lost(self, why):
        """The connection ended. An application that cares dials again: at once when it is told to."""
        self.ended(why)
        self.drop()
        if why == errno.ECONNABORTED:
            self.member.at_once(self)
        else:
            self.member.later(RETRY, self)

    def close(self):
        if self.kind == "fin_wait" and self.sock is not None and not self.member.children:
            # Else the server would keep its half open until it next writes.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        super().close()
