#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/operations.md explains every line that reseat logs or tells as an event, and every type of event: what stands
# between the placeholders is there word by word.
exec python3 - <<'PYTHON'
import os, re, subprocess, sys

LEAST = 8  # shorter pieces say nothing by themselves
ALL = {'lb/control/report/wording.cpp', 'lb/discovery/name_news.cpp'}  # every text in them is told
TOLD = re.compile(r'(?:spdlog::(?:info|warn|error|log)\(|\btell_?\(|\bswept\(|\.message = )([^;]*);')
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
TYPES = 'lb/control/report/event.hpp'

def lines_of(path):
    """The texts in the statements that tell something; within a text a ';' ends no statement."""
    code = re.sub(r'^\s*(#include|//).*$|//[^"\n]*$', '', open(path).read(), flags=re.M)
    code = re.sub(r'"\s*\n\s*"', '', code)  # adjacent literals are one
    texts = []
    code = LITERAL.sub(lambda found: (texts.append(found[1]), f'"{len(texts) - 1}"')[1], code)
    places = [code] if path in ALL else TOLD.findall(code)
    return [texts[int(number)] for place in places for number in re.findall(r'"(\d+)"', place)]

def plain(text):
    return re.sub(r'\s+', ' ', text)

told = plain(open('docs/operations.md').read())
missing = []
for path in subprocess.run(['git', 'ls-files', 'lb/*.cpp', 'bpf/*.cpp', 'proxy/*.cpp'], capture_output=True,
                           text=True, check=True).stdout.split():
    for text in lines_of(path):
        for piece in (plain(p).strip(' ,;:(){}') for p in re.split(r'\{[^}]*\}', text)):
            is_variable = re.match('[A-Z_]+=', piece)  # what systemd is told, not people
            if len(piece) >= LEAST and piece not in told and not is_variable:
                missing.append(f'{path}: "{piece}" of "{text}"')
if os.path.exists(TYPES):
    code = re.sub(r'//.*', '', open(TYPES).read())
    types = re.search(r'BOOST_DEFINE_ENUM_CLASS\(\s*EventType,(.*?)\)', code, re.S)[1]
    for name in re.findall(r'\w+', types):
        if f'`{name}`' not in told:
            missing.append(f'{TYPES}: the event type {name}')
for line in missing:
    print(line, 'is not explained in docs/operations.md')
sys.exit(bool(missing))
PYTHON
