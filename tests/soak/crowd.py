# SPDX-License-Identifier: Apache-2.0
"""The crowd as its leader sees it: client processes that are told what to do and say what becomes of their sockets."""
import itertools
import json
import signal
from collections import Counter, namedtuple
from pathlib import Path

from lab import PYTHON, wait_until
from model import HOSTS, OUTSIDE, PORTS, SERVICES

PROGRAM = Path(__file__).parent / "clients/member.py"
PATIENCE = 60  # for an answer of a member, on a machine that is busy with other things

Row = namedtuple("Row", "member id kind form to cookie opened state peer port heard backend")
KINDS = {"idle": 30, "busy": 14, "fin_wait": 6, "close_wait": 6, "sender": 14, "asker": 16, "roamer": 12}
TCP_KINDS = ("idle", "busy", "fin_wait", "close_wait", "thread")
FORMS = {"v4": 9, "v6": 6, "mapped": 5}


def protocol_of(kind):
    return "tcp" if kind.removeprefix("ghost ") in TCP_KINDS else "udp"


def pick(rng, weights):
    return rng.choices(list(weights), weights=list(weights.values()))[0]


class Member:
    def __init__(self, lab, cgroup, name, seed):
        self.name, self.offset, self.rest, self.asked, self.answers = name, 0, b"", 0, {}
        self.process = lab.spawn([PYTHON, PROGRAM, name, seed], name, cgroup=cgroup, stdin=True)

    def tell(self, do, **what):
        self.asked += 1
        try:
            self.process.tell(json.dumps({"do": do, "ack": self.asked, **what}))
        except BrokenPipeError:
            pass  # whoever waits for the answer will notice
        return self.asked

    def read(self):
        """What it has said since the last time."""
        with open(self.process.out_file, "rb") as file:
            file.seek(self.offset)
            heard = file.read()
        self.offset += len(heard)
        *lines, self.rest = (self.rest + heard).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["event"] == "ack":
                self.answers[event["ack"]] = event
            else:
                yield event


class Crowd:
    def __init__(self, lab, cgroups, rng, on_event):
        self.lab, self.cgroups, self.rng, self.on_event = lab, cgroups, rng, on_event
        self.ports = itertools.cycle(range(10000, 30000))  # no two applications share one, but twins do
        self.members, self.made, self.counters, self.past = [], 0, Counter(), Counter()

    # ---- members

    def join(self):
        self.made += 1
        cgroup = self.cgroups[self.made % len(self.cgroups)]
        self.members.append(Member(self.lab, cgroup, f"{self.lab.name}-m{self.made}", self.rng.random()))
        return self.members[-1]

    def kill(self, member):
        """SIGKILL: the kernel closes what it held. What it had said until then counts."""
        member.process.popen.send_signal(signal.SIGKILL)
        member.process.exits()
        self.poll()
        self.members.remove(member)
        self.past.update(member.counters if hasattr(member, "counters") else {})

    def leave(self):
        """All hang up."""
        self.ask_all("unthread")
        for member in self.members:
            member.process.hang_up()
        for member in self.members:
            member.process.exits(within=PATIENCE)
        self.poll()
        self.members = []

    # ---- talking

    def poll(self):
        for member in self.members:
            for event in member.read():
                self.on_event(event)

    def wait(self, asked):
        """The answers to [(member, number)]."""
        def answered():
            self.poll()
            for member, number in asked:
                if member.process.exited() and number not in member.answers:
                    raise AssertionError(f"a member of the crowd is dead: {member.process.describe()}")
            return all(number in member.answers for member, number in asked)
        wait_until(answered, PATIENCE, lambda: "answers of " + " ".join(
            m.name for m, n in asked if n not in m.answers))
        return [member.answers.pop(number) for member, number in asked]

    def ask(self, member, do, **what):
        return self.wait([(member, member.tell(do, **what))])[0]

    def ask_all(self, do, **what):
        return self.wait([(member, member.tell(do, **what)) for member in self.members])

    def snapshot(self):
        """All sockets of the crowd, as their applications see them."""
        rows, self.counters = [], Counter(self.past)
        for member, answer in zip(list(self.members), self.ask_all("snapshot")):
            member.counters = answer["counters"]
            self.counters.update(answer["counters"])
            rows.extend(Row(member.name, *row) for row in answer["rows"])
        return rows

    # ---- what they do

    def addresses(self, to, form):
        """What is dialled by who means `to`."""
        if to in SERVICES:
            return [SERVICES[to].address(form)]
        host = self.lab.host(to.rpartition(":")[2])
        return [({"v4": host.v4, "v6": host.v6, "mapped": "::ffff:" + host.v4}[form], PORTS[0])]

    def goal(self, protocol, rng):
        """Mostly a service; sometimes a backend as such, or somebody whom reseat does not know at all."""
        what = pick(rng, {"service": 80, "direct": 12, "outside": 8})
        if what == "service":
            return rng.choice([s.name for s in SERVICES.values() if protocol in s.protocols])
        return "direct:" + (rng.choice(HOSTS) if what == "direct" else OUTSIDE)

    def specs(self, count, rng, kinds=None):
        made = []
        while len(made) < count:
            kind, form = pick(rng, kinds or KINDS), pick(rng, FORMS)
            to = self.goal(protocol_of(kind), rng)
            spec = {"kind": kind, "form": form, "to": to, "addresses": self.addresses(to, form),
                    "reopen": rng.random() < 0.5}
            if protocol_of(kind) == "udp" and rng.random() < 0.2:
                spec["bind"] = next(self.ports)
            if kind == "roamer" and form == "v6":
                spec["addresses"] += self.addresses(to, "mapped")
            made.append(spec)
            if kind == "sender" and "bind" in spec:
                spec["twin"] = True
                made.append(dict(spec))
        return made

    def populate(self, member, count):
        """Tells a member to open that many sockets, without waiting."""
        return member, member.tell("open", specs=self.specs(count, self.rng))

    def elsewhere(self, rng):
        """Where connected UDP sockets may go next: {form: [(to, addresses)]}."""
        goals = [self.goal("udp", rng) for _ in range(8)]
        return {form: [(to, self.addresses(to, form)) for to in goals] for form in FORMS}

