# SPDX-License-Identifier: Apache-2.0
"""A randomised soak: a crowd of clients of all kinds, a world that goes wrong, and a checker that knows the truth.

The same seed makes the same choices. Exit status 0: no fault.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "e2e")]

from checker import Checker  # noqa: E402
from crowd import FORMS, Crowd  # noqa: E402
from lab import now, run  # noqa: E402
from leaks import Holdings, end_of_crowd  # noqa: E402
from outside import dump_maps  # noqa: E402
from report import Report  # noqa: E402
from steps import Steps  # noqa: E402
from world import World  # noqa: E402

SABOTAGE_SHOWS = 8  # seconds: several times what a vanished host takes to be noticed


def arguments():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1, help="how long to go on (default 1)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier run")
    parser.add_argument("--members", type=int, default=24, help="client processes (default 24)")
    parser.add_argument("--sockets", type=int, default=100, help="sockets of each at the start (default 100)")
    parser.add_argument("--pin", choices=["on", "off"], default=None, help="default: the seed decides")
    parser.add_argument("--without", action="append", default=[], metavar="STEP", help="leave a kind of step out")
    parser.add_argument("--sabotage", choices=["stopped", "bystander", "nameless"],
                        help="break a rule on purpose; exit status 0 if the checker notices")
    return parser.parse_args()


def gather(world, crowd, rng, options):
    """The crowd arrives."""
    world.per_member = options.sockets
    crowd.wait([crowd.populate(crowd.join(), options.sockets) for _ in range(options.members)])
    threads = []
    for member in crowd.members[::4]:
        form = rng.choice(list(FORMS))
        specs = [{"form": form, "to": to, "addresses": crowd.addresses(to, form)} for to in ("alpha", "beta")]
        threads.append((member, member.tell("threads", specs=specs)))
    crowd.wait(threads)


def soak(world, options, report):
    rng = random.Random(f"steps {options.seed}")
    checker = report.checker = Checker(world, *([SABOTAGE_SHOWS] if options.sabotage else []))
    world.start_reseat()
    crowd = checker.crowd = report.crowd = Crowd(world.lab, world.cgroups, random.Random(rng.random()),
                                                 checker.on_event)
    gather(world, crowd, rng, options)
    report.step("start", "the crowd is there", checker.settle())
    holdings = Holdings(world)
    steps = Steps(world, crowd, rng, options.without)
    deadline = now() + options.minutes * 60
    while now() < deadline and not checker.faults:
        name = options.sabotage or steps.choose()
        runs = world.runs
        words = steps.run(name)
        if options.sabotage is None and world.reseat.exited():
            checker.fault("crash", f"reseat ended by itself: {world.reseat.describe()}")
            break
        report.step(name, words, checker.settle())
        if world.runs != runs:
            holdings = Holdings(world)
        if options.sabotage:
            return
    if not checker.faults:
        end_of_crowd(world, crowd, checker, holdings, report)


def keep_evidence(world, seed):
    directory = Path(tempfile.gettempdir()) / f"reseat-soak-{seed}"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(world.lab.tmp, directory, ignore=lambda at, names: [n for n in names if n.endswith(".sock")])
    (directory / "sockets").write_text(run(*world.lab.client.wrap(["ss", "-tunaepHO"]), within=60).stdout)
    if not world.reseat.exited():
        (directory / "maps").write_text(dump_maps(world.reseat.pid))
    return directory


def stop(number, frame):
    raise KeyboardInterrupt(f"signal {number}")


def main():
    options = arguments()
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(3), "big")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    report = Report(options)
    pinned = random.Random(options.seed).random() < 0.5 if options.pin is None else options.pin == "on"
    with World(pinned and World.can("detach") and not options.sabotage) as world:
        report.world = world
        try:
            soak(world, options, report)
        except Exception as error:  # a fault of the world or of the soak: told like the others
            report.broke(error)
        if report.failed() and not options.sabotage:
            report.evidence = keep_evidence(world, options.seed)
    report.after_the_end()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
