# SPDX-License-Identifier: Apache-2.0
"""Compares what became of sockets with what may and must become of them. It asks the kernel and the applications."""
from collections import Counter, namedtuple

from crowd import protocol_of
from lab import now, wait_until
from model import ABORTED, CLOSED, OUTSIDE, SERVICES, SLACK
from outside import plain, sockets

SETTLE = 30  # until then whatever has to happen must have happened
SYN_PATIENCE = 120  # seconds: the kernel gives a connect up after net.ipv4.tcp_syn_retries, 6, in about 130
UNREACHABLE = ("ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "ETIMEDOUT", "EINPROGRESS", "EAGAIN")

Fault = namedtuple("Fault", "kind text")


class Checker:
    def __init__(self, world, patience=SETTLE):
        self.world, self.truth, self.crowd, self.patience = world, world.truth, None, patience
        self.faults, self.tally, self.peers, self.ports, self.looked = [], Counter(), {}, {}, now()
        self.host_of = {a: h.name for h in world.lab.hosts for a in (h.v4, h.v6)}

    def fault(self, kind, text):
        self.faults.append(Fault(kind, text))

    # ---- as it happens: what the applications report

    def on_event(self, event):
        if event["event"] == "end":
            self.judge_end(event)
        elif event["event"] == "wrong":
            self.judge_wrong(event)
        elif event["event"] == "fail":
            self.judge_failure(event["why"], event["to"], event["t"], event)

    def host(self, event):
        """Where the socket really was: its backend's own word, else what the kernel last showed of it."""
        seen = self.peers.get(event["cookie"])
        if protocol_of(event["kind"]) == "tcp" and event["backend"]:
            return event["backend"]
        if seen and seen[0] == event["opened"]:
            return seen[1]
        return None if event["to"] in SERVICES or event["state"] != "e" else event["to"].rpartition(":")[2]

    def judge_end(self, event):
        why, to, host, at = event["why"], event["to"], self.host(event), event["t"]
        protocol = protocol_of(event["kind"])
        if why in ABORTED:
            self.tally["aborts seen"] += 1
            if to in SERVICES and self.truth.balanced(event["opened"], at, SLACK):
                if self.truth.may_be_ended(to, host, protocol, at, at):
                    return
            elif host and self.truth.may_be_ended("", host, protocol, at, at):
                return  # a policy spares nobody
            self.fault("collateral", f"ended although nothing happened to {host}: {event}")
        elif why in CLOSED:
            self.tally["closed by a server"] += 1
            if not self.truth.server_died(host, event["opened"] - SLACK, at):
                self.fault("collateral", f"ended although the server of {host} never died: {event}")
        else:
            self.judge_failure(why, to, at, event)

    def judge_failure(self, why, to, at, event):
        """A connect or send that was refused."""
        self.tally["refused"] += 1
        host = to.rpartition(":")[2] if to and to not in SERVICES else None
        if why == "EPERM" and self.truth.may_be_ended("", host, protocol_of(event["kind"]), at, at):
            return
        if why in UNREACHABLE:
            if to in SERVICES and not self.truth.reseat_runs(at):
                return  # a service address leads nowhere without reseat
            if host and why == "ETIMEDOUT" and at - event["opened"] > SYN_PATIENCE:
                return  # dialled directly, while its host was away
            if why == "ECONNREFUSED" and self.truth.server_died(host, at - SLACK, at):
                return
            if why not in ("ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED") and (self.truth.gone or host is None):
                return
        self.fault("refused", f"{event}")

    def judge_wrong(self, event):
        to, what = event["to"], event["what"]
        if what != "somebody else's bytes" and to in SERVICES and not self.truth.balanced(event["opened"], event["t"]):
            return  # the reseat that knew its name is gone
        self.fault("name" if what != "somebody else's bytes" else "echo", f"{event}")

    # ---- when a step is over

    def settle(self):
        """Waits until everything is as it must be; what is not so in time is a fault."""
        began, problems = now(), [None]

        def well():
            self.crowd.poll()
            problems[:] = self.look(began)
            return not problems
        try:
            wait_until(well, self.patience, "")
        except AssertionError:
            for fault in problems:
                self.fault(*fault)
        self.truth.settled()
        return now() - began

    def look(self, began):
        # In this order: a socket that was dialled before the kernel was asked, and is still the same afterwards,
        # is the one that the kernel showed.
        before, self.looked = self.looked, now()
        actual, rows = sockets(self.world.lab.client), self.crowd.snapshot()
        self.tally["sockets at most"] = max(self.tally["sockets at most"], len(rows))
        problems = []
        for row in rows:
            seen = actual.get(row.cookie)
            fresh = row.opened >= self.looked
            problem = self.fresh_problem(row) if fresh else self.problem(row, seen, began)
            if problem:
                problems.append(Fault(problem[0], f"{problem[1]}: {row} {seen}"))
            if not fresh and seen and seen.peer and row.state in "ce":
                self.follow(row, self.host_of.get(seen.peer[0], seen.peer[0]), before)
        return problems

    def follow(self, row, host, before):
        """Where a socket is; one that moved must have had a reason to."""
        known = self.peers.get(row.cookie)
        if known and known[0] == row.opened and known[1] != host and not row.kind.startswith("ghost"):
            self.tally["re-pointed"] += 1
            if row.to not in SERVICES or not self.truth.may_be_ended(row.to, known[1], "udp", before, now()):
                self.fault("collateral", f"moved from {known[1]} to {host} without a reason: {row}")
        self.peers[row.cookie] = (row.opened, host)

    def fresh_problem(self, row):
        return ("stuck", "is always just being dialled") if row.state != "u" and self.is_served(row) else None

    def problem(self, row, seen, began):
        """What is not as it must be with one socket, or None."""
        ours = row.to in SERVICES
        if row.state == "u":
            return self.unconnected_problem(row, seen, began)
        if row.kind.startswith("ghost"):
            return self.survivor_problem(row, seen) if seen and seen.peer and ours else None
        if row.state == "w" or not seen or not seen.peer:
            return ("stuck", "is not connected") if self.is_served(row) else None
        if ours and self.truth.balanced(row.opened):
            return (self.survivor_problem(row, seen) or self.name_problem(row) or self.port_problem(row)
                    or self.liveness_problem(row, seen, began))
        if not ours and self.host_of.get(seen.peer[0]) in self.truth.denied.values():
            return "survivor", "still connected, denied by a policy"
        if not ours and (plain(self.crowd.addresses(row.to, row.form)[0][0]) != seen.peer[0]):
            return "collateral", "is connected to somebody else than it dialled"
        if not ours:
            return self.name_problem(row) or self.port_problem(row) or self.liveness_problem(row, seen, began)
        return self.port_problem(row)

    def unconnected_problem(self, row, seen, began):
        if seen and seen.peer or row.peer:
            return "collateral", "is connected although its application unconnected it"
        if not seen and row.port:
            return "collateral", "lost its port"
        return self.port_problem(row) or (self.liveness_problem(row, seen, began) if row.kind == "roamer" else None)

    def survivor_problem(self, row, seen):
        host, service = self.host_of.get(seen.peer[0]), SERVICES[row.to]
        if host is None or host not in service.hosts:
            return "name", "is connected to a stranger"
        if not self.truth.balanced(row.opened):
            return None
        reason = self.truth.must_leave(service, host, seen.peer[1], protocol_of(row.kind), row.opened)
        return ("survivor", f"still at {host}, {reason}") if reason else None

    def name_problem(self, row):
        if row.state != "e" or row.peer is None and protocol_of(row.kind) == "tcp":
            return None  # just ended: its application will say so
        if row.peer is None or tuple(row.peer) != self.crowd.addresses(row.to, row.form)[0]:
            return "name", "getpeername does not name what was dialled"
        return None

    def port_problem(self, row):
        """The local port of a UDP socket stays."""
        if protocol_of(row.kind) != "udp" or not row.port:
            return None
        key = (row.cookie, row.opened, row.state)
        if self.ports.setdefault(key, row.port) != row.port:
            return "port", f"its local port was {self.ports[key]}"
        return None

    def is_served(self, row):
        """Whether somebody is there for what this socket dials."""
        if row.to in SERVICES:
            return bool(self.truth.eligible(SERVICES[row.to])) and bool(self.truth.reseat_runs(now()))
        host = (row.to or "-").rpartition(":")[2]
        return host == OUTSIDE

    def liveness_problem(self, row, seen, began):
        if not self.is_served(row):
            return None
        if row.state == "c" or seen and seen.protocol == "tcp" and seen.state == "SYN-SENT":
            if protocol_of(row.kind) == "tcp" and row.opened < began:
                return None  # to a host that was away: TCP asks again after a minute at the latest
            return "stuck", "does not get connected"
        talks = row.kind in ("asker", "roamer", "busy")
        if talks and row.heard < began:
            return "silent", f"gets no answers, the last {now() - row.heard:.1f} s ago"
        return None
