#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/operations.md explains every line that reseat logs: what stands between the placeholders is there word by word.
exec python3 - <<'PYTHON'
import re, subprocess, sys

LEAST = 8  # shorter pieces say nothing by themselves
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
REST = r'((?:[^"();]|"(?:[^"\\]|\\.)*"|\((?:[^()]|\([^()]*\))*\))*)'
CALL = re.compile(r'(?:spdlog::(?:info|warn|error|log)|stopping|swept)\(' + REST)
EVENT = re.compile(r'\.message \+?=' + REST)

def joined(text):
    """Adjacent literals are one."""
    return re.sub(r'"\s*\n\s*"', '', text)

def lines_of(path):
    text = joined(re.sub(r'^\s*(#include|//).*$', '', open(path).read(), flags=re.M))
    places = [text] if path in ('lb/control/wording.cpp', 'lb/discovery/name_news.cpp') else CALL.findall(text) + EVENT.findall(text)
    return [literal for place in places for literal in LITERAL.findall(place)]

def plain(text):
    return re.sub(r'\s+', ' ', text)

told = plain(open('docs/operations.md').read())
bad = 0
for path in subprocess.run(['git', 'ls-files', 'lb/*.cpp', 'bpf/*.cpp', 'proxy/*.cpp'], capture_output=True,
                           text=True, check=True).stdout.split():
    for literal in lines_of(path):
        for piece in re.split(r'\{[^}]*\}', literal):
            piece = plain(piece).strip(' ,;:(){}')
            if len(piece) >= LEAST and piece not in told:
                print(f'{path}: "{piece}" of "{literal}" is not explained in docs/operations.md')
                bad = 1
sys.exit(bad)
PYTHON
