# SPDX-License-Identifier: Apache-2.0
"""A thread that connects, asks, hangs up and starts again: connects that are under way when something happens."""
import errno
import socket
import struct
import threading

from base import cookie_of, name_of, now

PATIENCE = struct.pack("ll", 8, 0)  # of a blocking call


class Dialler(threading.Thread):
    def __init__(self, member, spec):
        super().__init__(daemon=True)
        self.member, self.spec = member, spec
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.once()

    def once(self):
        form, address = self.spec["form"], tuple(self.spec["addresses"][0])
        family = socket.AF_INET if form == "v4" else socket.AF_INET6
        about = {"id": 0, "kind": "thread", "form": form, "to": self.spec["to"], "backend": None}
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, option, PATIENCE)
            about.update(cookie=cookie_of(sock), opened=now(), state="c")
            try:
                sock.connect(address)
                about["state"] = "e"
                self.converse(sock, address, about)
            except OSError as error:
                self.member.say("end", **about, why=name_of(error.errno))
                self.over.wait(0.2 if error.errno != errno.ECONNABORTED else 0)

    def converse(self, sock, address, about):
        try:
            peer = sock.getpeername()[:2]
            if peer != address:
                self.member.say("wrong", what="getpeername", seen=peer, **about)
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # ended since: recv() will say so
                raise
        sock.sendall(b"thread\n")
        heard = b""
        while heard.count(b"\n") < 2:
            more = sock.recv(4096)
            if not more:
                return self.member.say("end", **about, why="EOF")
            heard += more
            about["backend"] = heard.split(b"\n")[0].decode()
        greeting, answer = heard.decode().split("\n")[:2]
        if answer != greeting + " thread":
            self.member.say("wrong", what="somebody else's bytes", heard=heard.decode()[:80], **about)
        self.member.count("thread conversations")
