# SPDX-License-Identifier: Apache-2.0
"""What happens to the world. Each step says what it did; it returns when that is done, not when it has settled."""
import signal

from crowd import KINDS
from lab import now, run
from model import HOSTS, SERVICES
from world import SHORTEST_VERDICT


class Steps:
    def __init__(self, world, crowd, rng):
        self.world, self.truth, self.crowd, self.rng = world, world.truth, crowd, rng

    # ---- a rule broken on purpose: the checker must notice

    def stopped(self):
        """reseat does nothing while a host vanishes."""
        self.world.reseat.send_signal(signal.SIGSTOP)
        return self.vanish()

    def bystander(self):
        """Sockets to whom nothing happened are ended, as a wrong filter would do."""
        run(*self.world.lab.client.wrap(["ss", "-K", "dst", self.world.lab.host("b").v4]))
        return "all connections to b were ended behind everybody's back"

    def nameless(self):
        """reseat is gone, and with it the translation of names; the checker is not told."""
        self.world.reseat.send_signal(signal.SIGKILL)
        self.world.reseat.exits()
        return "reseat was killed in secret"

    # ---- what can happen

    def possible(self):
        """{name: weight} of what can happen now."""
        truth, well = self.truth, self.well()
        weights = {"burst": 3, "flap": 1 if well else 0, "member_killed": 2, "crash": 1 if not truth.gone else 2,
                   "vanish": 5 if len(truth.gone) < 2 and well else 0, "reappear": 5 if truth.gone else 0,
                   "kill": 3 if len(truth.dead) < 2 and well else 0, "restart": 4 if truth.dead else 0}
        return {name: weight for name, weight in weights.items() if weight}

    def well(self):
        return sorted(set(HOSTS) - self.truth.gone - self.truth.dead)

    def choose(self):
        weights = self.possible()
        return self.rng.choices(list(weights), weights=list(weights.values()))[0]

    def run(self, name):
        """Does it, with the crowd going about its business meanwhile; returns what was done, in words."""
        self.truth.allow_again()
        asked = self.stir()
        words = getattr(self, name)()
        self.crowd.wait([a for a in asked if a[0] in self.crowd.members])
        return words

    # ---- the crowd

    def stir(self):
        """Something that applications do of themselves, without waiting for it: [(member, number)]."""
        asked = []
        for member in self.rng.sample(self.crowd.members, k=len(self.crowd.members) // 3):
            what = self.rng.choice(["unconnect", "redirect", "redirect", "give", "fork", "unfork", "renew", "renew"])
            more = {"n": self.rng.randrange(1, 12)}
            if what == "redirect":
                more["to"] = self.crowd.elsewhere(self.rng)
            elif what == "give":
                more["to"] = self.rng.choice(self.crowd.members).name
            asked.append((member, member.tell(what, **more)))
        return asked

    def burst(self):
        """Many hang up, and as many come."""
        n, asked = self.rng.randrange(10, 60), []
        for member in self.rng.sample(self.crowd.members, k=len(self.crowd.members) // 2):
            asked.append((member, member.tell("close", n=n)))
            asked.append(self.crowd.populate(member, n))
        self.crowd.wait(asked)
        return f"{len(asked) // 2} members replaced {n} sockets each"

    def member_killed(self):
        member = self.rng.choice(self.crowd.members)
        self.crowd.kill(member)
        self.crowd.wait([self.crowd.populate(self.crowd.join(), self.world.per_member)])
        return f"{member.name} killed, another one came"

    # ---- hosts

    def vanish(self):
        host = self.rng.choice(self.well())
        for service in [s for s in SERVICES.values() if host in s.hosts]:
            self.truth.allow(service.name, host, "host vanished")
        self.world.vanish(host)
        # Some dial before anybody knows: they hang in the middle of connect().
        members = self.rng.sample(self.crowd.members, k=4)
        self.crowd.wait([(m, m.tell("open", specs=self.crowd.specs(10, self.rng, {"idle": 3, "busy": 1})))
                         for m in members])
        return f"host {host} vanished"

    def reappear(self):
        host = self.rng.choice(sorted(self.truth.gone))
        self.world.reappear(host)
        if host not in self.truth.dead:
            self.world.wait_noticed(host)
        return f"host {host} came back"

    def flap(self):
        """Too short for a verdict: nobody may notice."""
        host = self.rng.choice(self.well())
        began = now()
        self.world.lab.host(host).vanish()
        self.world.lab.host(host).reappear()
        took = now() - began
        if took > SHORTEST_VERDICT - 0.5:
            for service in [s for s in SERVICES.values() if host in s.hosts]:
                self.truth.allow(service.name, host, "a flap that this machine was too slow for")
        return f"host {host} was gone for {took * 1000:.0f} ms"

    def kill(self):
        host = self.rng.choice(self.well())
        for service in [s for s in SERVICES.values() if host in s.hosts]:
            self.truth.allow(service.name, host, "server died", ("udp",))
        self.world.kill_server(host)
        return f"the server of {host} was killed"

    def restart(self):
        host = self.rng.choice(sorted(self.truth.dead))
        self.world.start_server(host)
        if host not in self.truth.gone:
            self.world.wait_noticed(host)
        return f"the server of {host} was started again"

    # ---- reseat

    def crash(self):
        self.world.crash_reseat()
        self.world.start_reseat()
        if self.world.pinned:
            return "reseat was killed and started again, pinned"
        n = self.world.per_member * 2 // 3
        self.crowd.ask_all("renew", n=n, kinds=[k for k in KINDS])
        return f"reseat was killed and started again; {n} sockets of each member were opened anew"
