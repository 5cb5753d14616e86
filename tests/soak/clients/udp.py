# SPDX-License-Identifier: Apache-2.0
"""UDP applications: sender (connected, never listens), asker (connected), roamer (not connected)."""
import errno
import select
import socket

from base import RETRY, Application, cookie_of, error_of, now, unconnect


class Udp(Application):
    active = ("sender", "asker", "roamer")

    def start(self):
        if self.sock is None:
            self.create()
        if self.kind == "roamer" or self.to is None:
            self.state, self.opened = "u", now()
        else:
            self.dial(self.to, self.addresses)

    def create(self):
        self.epoch = getattr(self, "epoch", 0) + 1
        self.first_epoch = self.epoch
        self.past = {self.epoch: self.addresses}  # epoch -> the addresses dialled in it
        self.sock = socket.socket(self.family, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.cookie = cookie_of(self.sock)
        if self.spec.get("twin"):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.spec.get("bind") is not None:
            self.bind("0.0.0.0" if self.form == "v4" else "::")
        self.register()

    def bind(self, any_address):
        try:
            self.sock.bind((any_address, self.spec["bind"]))
        except OSError:  # a forked copy still has the port
            self.sock.bind((any_address, 0))
        self.spec["bind"] = self.sock.getsockname()[1]

    def dial(self, to, addresses):
        before = {name: getattr(self, name) for name in ("to", "addresses", "epoch", "opened", "state", "backend")}
        self.to, self.addresses = to, [tuple(a) for a in addresses]
        self.epoch += 1
        self.past[self.epoch] = self.addresses
        self.past.pop(self.epoch - 3, None)
        self.opened, self.state, self.backend = now(), "c", None
        try:
            self.sock.connect(self.addresses[0])
        except OSError as error:
            self.ended(error.errno)
            if self.connected():  # a refused connect leaves the peer that it had
                self.past.pop(self.epoch)
                self.__dict__.update(before)
                return None
            self.state = "w"
            return self.member.later(RETRY, self)
        self.state = "e"
        return None

    def adopt(self, state):
        state["past"] = {int(k): [tuple(a) for a in v] for k, v in state["past"].items()}
        self.former_ids = state.pop("ids")
        self.__dict__.update(state)
        self.register()

    def passport(self):
        if self.state not in "eu" or self.spec.get("twin"):
            return None
        ids = [*getattr(self, "former_ids", []), [self.member.name, self.id]]
        return {"state": self.state, "opened": self.opened, "backend": self.backend, "past": self.past,
                "epoch": self.epoch, "first_epoch": self.first_epoch, "seq": self.seq, "ids": ids[-4:]}

    def on_events(self, events):
        if events & select.EPOLLERR:
            self.failed(error_of(self.sock))
        if self.sock is not None and events & select.EPOLLIN:
            self.read()

    def read(self):
        while self.sock is not None:
            try:
                heard, source = self.sock.recvfrom(4096)
            except BlockingIOError:
                return
            except OSError as error:
                return self.failed(error.errno)
            self.answered(heard.decode(), source[:2])

    def answered(self, words, source):
        parts = words.partition(" ")[2].split(".")
        if [parts[0], int(parts[1] or 0) if len(parts) == 4 else 0] in getattr(self, "former_ids", []):
            return  # asked by the process that this descriptor came from
        epoch = self.heard_token(words)
        if epoch is None or epoch < self.first_epoch:
            return  # the latter: asked by an earlier socket at the same port
        dialled = set(self.past.get(epoch, ())) | set(self.addresses)
        if source not in dialled and epoch + 1 >= self.epoch:
            self.wrong("source of a datagram", seen=source, dialled=sorted(dialled), epoch=[epoch, self.epoch])

    def failed(self, number):
        """ICMP's errors are for the application to shrug off; ECONNABORTED says that it was ended."""
        if number == errno.EDESTADDRREQ and self.connected():
            number = 0
        if number in (errno.ECONNABORTED, errno.EDESTADDRREQ):
            self.ended(number)
            if self.spec.get("reopen"):
                self.drop()
            self.state = "w"
            self.member.at_once(self)
        elif number:
            self.member.count("udp errors heard: " + errno.errorcode[number])
            if number not in (errno.ECONNREFUSED,):
                self.member.say("fail", id=self.id, kind=self.kind, form=self.form, to=self.to, cookie=self.cookie,
                                opened=self.opened, backend=self.backend, why=errno.errorcode[number])

    def connected(self):
        try:
            return bool(self.sock.getpeername())
        except OSError:
            return False

    def tick(self):
        if self.state == "e":
            self.send("-" + self.token(self.epoch) if self.kind == "sender" else self.token(self.epoch))
        elif self.state == "u" and self.kind == "roamer":
            self.send(self.token(self.epoch), self.addresses[self.seq % len(self.addresses)])

    def send(self, words, to=None):
        try:
            self.sock.sendto(words.encode(), to) if to else self.sock.send(words.encode())
        except BlockingIOError:
            pass
        except OSError as error:
            self.failed(error.errno)

    def unconnect(self):
        """Afterwards it is nobody's client, and nobody may end it."""
        self.read()
        if self.sock is None or self.state != "e":
            return
        unconnect(self.sock)
        error = error_of(self.sock)
        if error:
            self.failed(error)
        else:
            self.state, self.to, self.backend = "u", None, None
