# SPDX-License-Identifier: Apache-2.0
"""A process of the crowd: hundreds of sockets of all kinds, and somebody to tell what becomes of them.

usage: member.py NAME SEED
Commands are lines of JSON on standard input, {"do": what, "ack": number, ...}, each answered on standard output
with {"event": "ack", "ack": number, ...}. End of input: everything is closed and the process ends.
"""
import collections
import ctypes
import heapq
import itertools
import json
import os
import random
import select
import signal
import socket
import sys
import threading

from base import now
from dialler import Dialler
from tcp import Tcp
from udp import Udp

TICKS = 20  # each active socket has its turn once in so many ticks
TICK = 0.05
CLASSES = {**dict.fromkeys(("idle", "busy", "fin_wait", "close_wait"), Tcp),
           **dict.fromkeys(("sender", "asker", "roamer"), Udp)}


def together(application):
    """Twins stay with each other: one would hide the other from everybody who looks by addresses."""
    return not application.spec.get("twin")


class Member:
    def __init__(self, name, seed):
        self.name, self.random, self.lock = name, random.Random(f"{seed}/{name}"), threading.Lock()
        self.epoll, self.watched, self.timers, self.turn = select.epoll(), {}, [], 0
        self.ids, self.order = itertools.count(1), itertools.count()
        self.applications, self.children, self.ghosts, self.threads = {}, [], [], []
        self.counters = collections.Counter()
        self.letters = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.letters.bind(f"\0{name}")
        self.letters.setblocking(False)
        self.epoll.register(self.letters, select.EPOLLIN)
        os.set_blocking(0, False)
        self.epoll.register(0, select.EPOLLIN)
        self.rest = b""

    # ---- for the applications

    def next_id(self):
        return next(self.ids)

    def say(self, event, **what):
        if event == "end":
            self.count(f"end {what['why']}")
        with self.lock:
            print(json.dumps({"event": event, "t": now(), **what}))

    def count(self, what, n=1):
        with self.lock:
            self.counters[what] += n

    def watch(self, sock, events, application):
        known = self.watched.get(sock.fileno())
        self.watched[sock.fileno()] = application
        (self.epoll.register if known is None else self.epoll.modify)(sock.fileno(), events)

    def unwatch(self, sock):
        if self.watched.pop(sock.fileno(), None) is not None:
            self.epoll.unregister(sock.fileno())

    def later(self, seconds, application):
        heapq.heappush(self.timers, (now() + seconds, next(self.order), application))

    def at_once(self, application):
        self.later(0, application)

    def leave_to_children(self, application):
        """A forked copy keeps the connection open: it is as much a client as before."""
        if self.children:
            row = application.row()
            row[0], row[1] = -row[0], "ghost " + row[1]
            self.ghosts.append(row)

    # ---- commands

    def do_open(self, command):
        for spec in command["specs"]:
            application = CLASSES[spec["kind"]](self, spec)
            self.applications[application.id] = application
            application.start()
            self.count("opened " + spec["kind"])

    def chosen(self, command, such_that=lambda a: True):
        """`n` of our applications, of the kinds asked for."""
        kinds = command.get("kinds")
        of_kind = [a for a in self.applications.values() if (not kinds or a.kind in kinds) and such_that(a)]
        return self.random.sample(of_kind, min(len(of_kind), command["n"]))

    def do_close(self, command):
        for application in self.chosen(command):
            del self.applications[application.id]
            application.close()
            self.count("closed")

    def do_renew(self, command):
        """As an application does that is restarted, without the restart: new sockets for the old purposes."""
        for application in self.chosen(command, together):
            application.close()
            application.start()
            self.count("opened " + application.kind)

    def do_unconnect(self, command):
        for application in self.chosen(command, lambda a: isinstance(a, Udp) and a.state == "e"):
            application.unconnect()
            self.count("unconnected")

    def do_redirect(self, command):
        """Connected UDP sockets, and those that once were, connect to somebody else."""
        def can(a):
            return together(a) and isinstance(a, Udp) and a.kind != "roamer" and a.state in "eu" and command["to"][a.form]
        for application in self.chosen(command, can):
            to, addresses = application.member.random.choice(command["to"][application.form])
            application.read()
            application.dial(to, addresses)
            self.count("connected elsewhere")

    def do_fork(self, command):
        child = os.fork()
        if child:
            self.children.append(child)
            return
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        while True:
            signal.pause()

    def do_unfork(self, command):
        for child in self.children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.children, self.ghosts = [], []

    def do_give(self, command):
        """Passes descriptors to another member; our own copies are closed, as they are by whoever hands over."""
        for application in self.chosen(command, lambda a: a.sock is not None and a.passport() is not None):
            letter = {"spec": {**application.spec, "to": application.to, "addresses": application.addresses},
                      "passport": application.passport()}
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as post:
                try:
                    post.setblocking(False)
                    post.connect(f"\0{command['to']}")
                    socket.send_fds(post, [json.dumps(letter).encode()], [application.sock.fileno()])
                except OSError:
                    return  # nobody there, or the letter box is full
            del self.applications[application.id]
            application.drop()
            self.count("passed on")

    def do_threads(self, command):
        for spec in command["specs"]:
            self.threads.append(Dialler(self, spec))
            self.threads[-1].start()

    def do_unthread(self, command):
        for thread in self.threads:
            thread.over.set()
        self.threads = []

    def do_snapshot(self, command):
        with self.lock:
            counters = dict(self.counters)
        return {"rows": [a.row() for a in self.applications.values()] + self.ghosts, "counters": counters}

    # ---- the loop

    def command(self, line):
        command = json.loads(line)
        more = getattr(self, "do_" + command["do"])(command) or {}
        self.say("ack", ack=command["ack"], **more)

    def read_commands(self):
        heard = os.read(0, 1 << 20)
        if not heard:
            self.quit()
        *lines, self.rest = (self.rest + heard).split(b"\n")
        for line in lines:
            self.command(line)

    def read_letters(self):
        while True:
            try:
                letter, fds, _, _ = socket.recv_fds(self.letters, 65536, 4)
            except BlockingIOError:
                return
            letter = json.loads(letter)
            spec = letter["spec"]
            application = CLASSES[spec["kind"]](self, spec, socket.socket(fileno=fds[0]))
            self.applications[application.id] = application
            application.adopt(letter["passport"])

    def quit(self):
        for thread in self.threads:
            thread.over.set()
        for thread in self.threads:
            thread.join(10)
        self.do_unfork({})
        for application in self.applications.values():
            application.close()
        sys.stdout.flush()
        sys.exit(0)

    def tick(self):
        self.turn = (self.turn + 1) % TICKS
        for application in [a for a in self.applications.values() if a.id % TICKS == self.turn]:
            if application.sock is not None and application.kind in application.active:
                application.tick()

    def run(self):
        next_tick = now()
        while True:
            wake = min(next_tick, self.timers[0][0]) if self.timers else next_tick
            events = dict(self.epoll.poll(max(0, wake - now())))
            self.read_letters()
            for fd in events:
                application = self.watched.get(fd)
                if application is not None and application.sock is not None and application.sock.fileno() == fd:
                    application.on_events(events[fd])
            if 0 in events:
                self.read_commands()
            while self.timers and self.timers[0][0] <= now():
                application = heapq.heappop(self.timers)[2]
                if application.id in self.applications and application.state == "w":
                    application.start()
            if now() >= next_tick:
                self.tick()
                next_tick = now() + TICK
            sys.stdout.flush()


if __name__ == "__main__":
    Member(*sys.argv[1:]).run()
