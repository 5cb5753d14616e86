#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How good are the unit tests? Changes one token of a source at a time, in a copy of the tree, and runs the unit ring.

A mutant that no test notices survives, and is printed with its diff: either a test is missing, or the mutant does the
same as the original. The same seed chooses the same mutants of the same tree.

    mutate.py [--seed S] [-n N] [FOLDER...]     FOLDER: below lb/ or config/; both by default
"""
import argparse
import random
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build/mutate/tree"
BUILD = COPY / "build/dev"
RING_TIMEOUT = 240  # seconds; a mutant may loop for ever
BUILD_TIMEOUT = 900

# Spaces keep template brackets and pointers out.
SWAPS = [(" < ", " <= "), (" <= ", " < "), (" > ", " >= "), (" >= ", " > "), (" == ", " != "), (" != ", " == "),
         (" && ", " || "), (" || ", " && "), (" + ", " - "), (" - ", " + "), ("std::min(", "std::max("),
         ("std::max(", "std::min("), ("any_of(", "none_of("), ("none_of(", "any_of("), ("continue;", ";"),
         ("true", "false"), ("false", "true")]
PATTERNS = [(re.compile(r"(?<![\w.])" + re.escape(old) + r"(?![\w.])") if old.isalpha() else re.compile(re.escape(old)), new)
            for old, new in SWAPS]
PATTERNS += [(re.compile(r"!(?=[A-Za-z_(])"), ""),
             (re.compile(r"(?<![\w.'])\d+(?=[;,)\]}])"), None),  # None: one more
             (re.compile(r"^ +[a-z_][\w.>-]*(?:\.|->)?\w+\([^;{}]*\);$"), ";")]


@dataclass(frozen=True)
class Mutant:
    path: str
    line: int  # from 1
    old: str
    new: str

    def __str__(self):
        return f"{self.path}:{self.line}\n    - {self.old.strip()}\n    + {self.new.strip()}"


def code_lines(text):
    """(number, line) of lines that are code: no comment, no preprocessor, no string literal."""
    in_comment = False
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if in_comment:
            in_comment = "*/" not in line
            continue
        if stripped.startswith("/*"):
            in_comment = "*/" not in line
            continue
        if not stripped or stripped.startswith(("//", "#", "namespace", "using", "static_assert")) or '"' in line:
            continue
        yield number, line.split("  //")[0]


def mutants_of(path):
    text = (ROOT / path).read_text()
    for number, line in code_lines(text):
        for pattern, new in PATTERNS:
            for match in pattern.finditer(line):
                put = str(int(match[0]) + 1) if new is None else new
                yield Mutant(path, number, line, line[:match.start()] + put + line[match.end():])


def choose(folders, count, seed):
    listed = subprocess.run(["git", "ls-files", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for path in listed.stdout.split("\n") if path.endswith(".cpp")]  # a header rebuilds everything
    every = [mutant for path in paths for mutant in mutants_of(path)]
    random.Random(seed).shuffle(every)
    taken, lines = [], set()
    for mutant in every:  # one for each line, so that no file is asked twice for the same
        if len(taken) < count and (mutant.path, mutant.line) not in lines:
            lines.add((mutant.path, mutant.line))
            taken.append(mutant)
    return taken


def run(argv, timeout):
    """True: it succeeded; None: it took too long."""
    try:
        return subprocess.run(argv, cwd=COPY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=timeout, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return None


def prepare():
    """The tree as it is committed or changed, without its build directories."""
    COPY.mkdir(parents=True, exist_ok=True)
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                           capture_output=True, check=True).stdout
    subprocess.run(["rsync", "-a", "--checksum", "--from0", "--files-from=-", f"{ROOT}/", f"{COPY}/"], input=files,
                   check=True)
    print("mutate: building the unit tests of the copy", flush=True)
    if not run(["cmake", "--preset", "dev"], BUILD_TIMEOUT) or not build():
        sys.exit("mutate: the tree does not build as it is; see cmake --build in build/mutate/tree")
    if not test():
        sys.exit("mutate: the unit ring fails without a mutant")


def build():
    return run(["cmake", "--build", "--preset", "dev", "--target", "unit_tests"], BUILD_TIMEOUT)


def test():
    return run(["ctest", "--test-dir", str(BUILD), "-L", "unit", "-j", "8", "--stop-on-failure"], RING_TIMEOUT)


def judge(mutant):
    """killed, survived, or invalid: it does not compile."""
    path = COPY / mutant.path
    original = path.read_text()
    lines = original.split("\n")
    rest = lines[mutant.line - 1][len(mutant.old):]
    lines[mutant.line - 1] = mutant.new + rest
    path.write_text("\n".join(lines))
    try:
        if not build():
            return "invalid"
        return "survived" if test() else "killed"
    finally:
        path.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, default=20, metavar="N", help="so many mutants that compile")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", default=["lb", "config"])
    options = parser.parse_args()
    prepare()
    counts = {"killed": 0, "survived": 0, "invalid": 0}
    survivors = []
    started = time.monotonic()
    for mutant in choose(options.folders or ["lb", "config"], 4 * options.n, options.seed):
        if counts["killed"] + counts["survived"] == options.n:
            break
        verdict = judge(mutant)
        counts[verdict] += 1
        if verdict == "survived":
            survivors.append(mutant)
            print(f"survived: {mutant}", flush=True)
    tried = counts["killed"] + counts["survived"]
    if tried == 0:
        sys.exit("mutate: nothing to mutate there")
    print(f"seed {options.seed}: {counts['killed']} of {tried} mutants killed ({100 * counts['killed'] // tried} %), "
          f"{counts['invalid']} did not compile, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
