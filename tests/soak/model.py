# SPDX-License-Identifier: Apache-2.0
"""What was done to the world, and what therefore may and must become of sockets. Knows nothing of reseat's view."""
from dataclasses import dataclass, field

from lab import now

ABORTED = ("ECONNABORTED", "EDESTADDRREQ")
CLOSED = ("EOF", "ECONNRESET", "EPIPE")
SLACK = 1.0  # a client may say a little later what has happened to it
SPREAD = 1.0  # more than 100 sockets of one backend are ended over that long
PORTS = (7000, 7001)
OUTSIDE = "o"
DRAIN = 4.0  # seconds: drain_timeout


@dataclass(frozen=True)
class Service:
    name: str
    protocol: str
    hosts: str
    number: int
    port: int = PORTS[0]
    only_if_alternative: bool = True
    udp: str = "repoint"
    on_remove: str = "terminate"

    @property
    def protocols(self):
        return ("tcp", "udp") if self.protocol == "any" else (self.protocol,)

    def address(self, form):
        v4 = f"10.96.0.{self.number}"
        return ({"v4": v4, "v6": f"fd96::{self.number}", "mapped": "::ffff:" + v4}[form], 80)


SERVICES = {s.name: s for s in (
    Service("alpha", "tcp", "abcd", 1),
    Service("beta", "tcp", "cdef", 2, on_remove="drain"),
    Service("gamma", "udp", "abcd", 3),
    Service("delta", "any", "bdf", 4, port=PORTS[1]),
    Service("kappa", "udp", "ef", 5, udp="terminate"),
    Service("zeta", "any", "af", 6, port=PORTS[1], only_if_alternative=False),
)}
HOSTS = "abcdef"


@dataclass
class Window:
    """A time in which sockets of `service` (None: all) at `host` may be ended or moved, and why."""
    service: str
    host: str
    protocols: tuple
    why: str
    since: float
    until: float = None

    def covers(self, at):
        return self.since <= at and (self.until is None or at <= self.until)


@dataclass
class Truth:
    gone: dict = field(default_factory=dict)     # hosts whose link is down, since when
    dead: dict = field(default_factory=dict)     # hosts whose server does not run, since when
    drained: dict = field(default_factory=dict)  # (service, host) -> since when
    removed: dict = field(default_factory=dict)
    moved: dict = field(default_factory=dict)    # (service, host) -> port
    denied: dict = field(default_factory=dict)   # policy -> host
    windows: list = field(default_factory=list)
    deaths: list = field(default_factory=list)   # [host, since, until]
    lives: list = field(default_factory=list)    # of reseat: [started, killed, ready]

    # ---- what was done

    def allow(self, service, host, why, protocols=("tcp", "udp"), after=0.0):
        self.windows.append(Window(service, host, protocols, why, now() + after))

    def allow_consequences(self, spared=False):
        """What is broken may have consequences from now on. `spared`: also for sockets that were left where they are
        because nobody else could serve them; else nothing may happen to those."""
        for service in SERVICES.values():
            may_end = spared or not service.only_if_alternative or bool(self.eligible(service))
            for host in service.hosts if may_end else ():
                for reason, protocols, after in self.reasons(service, host):
                    self.allow(service.name, host, reason, protocols, after)
        for host in self.denied.values():
            self.allow(None, host, "denied by a policy")

    def settled(self):
        """Whatever had to happen has happened."""
        for window in self.windows:
            if window.until is None:
                window.until = now() + SPREAD + SLACK
        self.windows = [w for w in self.windows if w.until > now() - 60]

    def dies(self, host):
        self.dead[host] = now()
        self.deaths.append([host, now(), None])

    def restarted(self, host):
        self.dead.pop(host, None)
        for death in self.deaths:
            if death[0] == host and death[2] is None:
                death[2] = now()

    # ---- what follows

    def port(self, service, host):
        return self.moved.get((service.name, host), service.port)

    def reasons(self, service, host):
        """[(why, protocols, seconds from when on)] that sockets may not stay at `host`."""
        pair, found = (service.name, host), []
        if host in self.gone:
            found.append(("host vanished", ("tcp", "udp"), 0.0))
        if host in self.denied.values():
            found.append(("denied by a policy", ("tcp", "udp"), 0.0))
        if pair in self.removed and service.on_remove == "terminate":
            found.append(("backend removed", ("tcp", "udp"), 0.0))
        since = self.draining_since(service, host)
        if since is not None:
            why = "server died" if host in self.dead else "backend drained or removed"
            found += [(why, ("udp",), 0.0), (why, ("tcp",), max(0.0, since + DRAIN - SLACK / 2 - now()))]
        return found

    def draining_since(self, service, host):
        pair = (service.name, host)
        clocks = [self.dead.get(host), self.drained.get(pair), self.removed.get(pair)]
        return min((since for since in clocks if since is not None), default=None)

    def eligible(self, service):
        broken = {*self.gone, *self.dead, *self.denied.values()}
        return [h for h in service.hosts if h not in broken and (service.name, h) not in self.drained | self.removed]

    def must_leave(self, service, host, port, protocol, opened):
        """Why a socket of this service may not be found at `host` once things have settled, or None."""
        reasons = [why for why, protocols, _ in self.reasons(service, host) if protocol in protocols]
        if host in self.dead and host not in self.gone and protocol == "tcp":
            reasons = [why for why in reasons if why != "server died"]  # they ended by themselves
        if port != self.port(service, host):
            reasons.append("backend moved")
        if reasons and self.eligible(service):
            return reasons[0]
        if service.only_if_alternative or protocol != "tcp":
            return None
        if opened < self.gone.get(host, 0):
            return "host vanished, and nobody is to be spared"
        is_drained = (service.name, host) in self.drained | self.removed
        return "backend drained or removed, and nobody is to be spared" if is_drained else None

    def balanced(self, opened, at=None, slack=0.0):
        """Whether a socket that was connected at that moment was known to reseat at another (nothing: now)."""
        return any(since <= opened and (killed is None or (at is not None and at < killed + slack))
                   for since, killed, _ in self.lives)

    def reseat_runs(self, at):
        return any(ready and ready <= at and (killed is None or at < killed) for _, killed, ready in self.lives)

    def may_be_ended(self, service, host, protocol, since, until):
        """The reason why sockets of the service at `host` (None: unknown) may be ended or moved in that time."""
        for window in self.windows:
            if (window.service in (None, service) and host in (None, window.host) and protocol in window.protocols
                    and window.since <= until and (window.until is None or window.until >= since)):
                return window.why
        return None

    def server_died(self, host, since, until):
        return any(host in (None, who) and began <= until and (ended is None or ended + SLACK >= since)
                   for who, began, ended in self.deaths)
