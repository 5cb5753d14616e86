# SPDX-License-Identifier: Apache-2.0
"""What a run prints: each step as it happens, then a table, or the evidence of what went wrong."""
import time
import traceback
from collections import Counter

from checker import Fault
from leaks import left_behind

EXPECTED = {"stopped": "survivor", "bystander": "collateral", "nameless": "name"}
SHOWN = 12  # faults that are printed in full


class Report:
    def __init__(self, options):
        self.options, self.began, self.history = options, time.monotonic(), []
        self.world = self.checker = self.crowd = self.before = self.after = self.evidence = None
        self.extra = []
        print(f"soak: seed {options.seed}, {options.minutes:g} min, {options.members} processes with "
              f"{options.sockets} sockets each", flush=True)

    def step(self, name, words, took):
        at = time.monotonic() - self.began
        self.history.append(name)
        print(f"{at:7.1f} s  {len(self.history) - 1:4}  {words}; well after {took:.1f} s", flush=True)

    def broke(self, error):
        self.extra.append(Fault("broken", "".join(traceback.format_exception(error))))

    @property
    def faults(self):
        return [*(self.checker.faults if self.checker else []), *self.extra]

    def failed(self):
        return bool(self.faults)

    def after_the_end(self):
        self.extra += [Fault("leak", f"left behind: {what}") for what in left_behind(self.world.lab.name)]

    def finish(self):
        if self.options.sabotage:
            return self._sabotaged()
        self._table()
        for fault in self.faults[:SHOWN]:
            print(f"\nFAULT {fault.kind}: {fault.text}")
        if not self.faults:
            return 0
        print(f"\n{len(self.faults)} faults: {dict(Counter(f.kind for f in self.faults))}")
        print(f"steps: {' '.join(self.history)}\nlogs: {self.evidence}\n"
              f"again: ./dev soak --minutes {self.options.minutes:g} --seed {self.options.seed}"
              f" --members {self.options.members} --sockets {self.options.sockets}")
        return 1

    def _sabotaged(self):
        kinds, wanted = Counter(f.kind for f in self.faults), EXPECTED[self.options.sabotage]
        print(f"sabotage {self.options.sabotage}: the checker reports {dict(kinds)}, expected {wanted}")
        for fault in self.faults[:SHOWN if not kinds[wanted] else 2]:
            print(f"  {fault.kind}: {fault.text}")
        return 0 if kinds[wanted] else 1

    def _table(self):
        tally = self.checker.tally if self.checker else Counter()
        counters = self.crowd.counters if self.crowd else Counter()
        kinds = Counter(f.kind for f in self.faults)
        rows = [("steps", len(self.history) - 1),
                ("sockets at a time, at most", tally["sockets at most"]),
                ("sockets opened", sum(n for what, n in counters.items() if what.startswith("opened"))),
                ("connects by threads", counters["thread conversations"]),
                ("connected elsewhere, unconnected, passed on", f"{counters['connected elsewhere']}, "
                 f"{counters['unconnected']}, {counters['passed on']}"),
                ("aborts seen by applications", tally["aborts seen"]),
                ("re-points seen from outside", tally["re-pointed"]),
                ("ended by servers that died", tally["closed by a server"]),
                ("collateral", kinds["collateral"]), ("survivors", kinds["survivor"]),
                ("other faults", sum(kinds.values()) - kinds["collateral"] - kinds["survivor"])]
        if self.after:
            rows += [("resident memory, kB", f"{self.before.kb} -> {self.after.kb}"),
                     ("descriptors", f"{self.before.fd_count} -> {self.after.fd_count}")]
        print("\n| what | |\n|---|---|")
        for what, value in rows:
            print(f"| {what} | {value} |")
