# SPDX-License-Identifier: Apache-2.0
"""What all sockets of the crowd have in common: an application that says what becomes of its socket."""
import ctypes
import errno
import select
import socket
import struct
import time

SO_COOKIE = 57
RETRY = 0.25
_libc = ctypes.CDLL(None, use_errno=True)


def now():
    return time.monotonic()


def name_of(number):
    return errno.errorcode.get(number, str(number)) if isinstance(number, int) else number


def cookie_of(sock):
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def unconnect(sock):
    if _libc.connect(sock.fileno(), bytes(16), 16) != 0:
        raise OSError(ctypes.get_errno(), "connect(AF_UNSPEC)")


def error_of(sock):
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class Application:
    """One socket. `spec`: kind, form (v4, v6, mapped), to (whom it means: a service, "direct:a", "outside"), addresses.

    state: c connecting, e connected, u not connected, w about to try again.
    """
    active = ()  # the kinds that send by themselves

    def __init__(self, member, spec, sock=None):
        self.member, self.spec, self.sock = member, spec, sock
        self.kind, self.form, self.to = spec["kind"], spec["form"], spec["to"]
        self.addresses = [tuple(a) for a in spec["addresses"]]
        self.id = member.next_id()
        self.state, self.backend, self.heard, self.opened, self.seq, self.cookie = "w", None, 0.0, 0.0, 0, 0
        if sock is not None:
            self.cookie = cookie_of(sock)

    @property
    def family(self):
        return socket.AF_INET if self.form == "v4" else socket.AF_INET6

    def row(self):
        """[id, kind, form, to, cookie, opened, state, peer, local port, heard, backend]"""
        peer, port = None, 0
        if self.sock is not None:
            try:
                port = self.sock.getsockname()[1]
                peer = self.sock.getpeername()[:2]
            except OSError:
                pass
        return [self.id, self.kind, self.form, self.to, self.cookie, self.opened, self.state, peer, port,
                self.heard, self.backend]

    def ended(self, why):
        """Not by its own doing."""
        self.member.say("end", id=self.id, kind=self.kind, form=self.form, to=self.to, cookie=self.cookie,
                        opened=self.opened, state=self.state, why=name_of(why), backend=self.backend)

    def wrong(self, what, **more):
        self.member.say("wrong", what=what, id=self.id, kind=self.kind, form=self.form, to=self.to,
                        cookie=self.cookie, opened=self.opened, backend=self.backend, **more)

    def register(self, events=select.EPOLLIN):
        self.member.watch(self.sock, events, self)

    def drop(self):
        """Closes our copy of the descriptor."""
        if self.sock is not None:
            self.member.unwatch(self.sock)
            self.sock.close()
        self.sock, self.state = None, "w"

    def close(self):
        """Because the application wants to."""
        if self.sock is not None and self.state in "ce":
            self.member.leave_to_children(self)
        self.drop()

    def heard_token(self, words):
        """(whether it was ours, epoch): tokens are id.epoch.seq"""
        backend, _, token = words.partition(" ")
        parts = token.split(".")
        if len(parts) != 4 or parts[0] != self.member.name or int(parts[1]) != self.id:
            self.wrong("somebody else's bytes", heard=words[:80])
            return None
        self.backend, self.heard = backend, now()
        return int(parts[2])

    def token(self, epoch=0):
        self.seq += 1
        return f"{self.member.name}.{self.id}.{epoch}.{self.seq}"
