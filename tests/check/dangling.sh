#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the tree refers to exists: cases ([E07]), invariants, decisions, documents, links with their anchors, and paths.
exec python3 - <<'PYTHON'
import fnmatch, os, re, subprocess, sys

CASES, ARCHITECTURE, DECISIONS = 'tests/CASES.md', 'docs/ARCHITECTURE.md', 'docs/decisions/'

def read(path):
    data = open(path, 'rb').read()
    return '' if b'\0' in data else data.decode(errors='replace')

paths = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], capture_output=True, text=True, check=True).stdout.split()
texts = {path: read(path) for path in paths if os.path.isfile(path) and not path.startswith(('LICENSES/', 'tests/fuzz/seeds/'))}
folders = {path.split('/')[0] for path in paths if '/' in path}
faults = set()

def report(path, offset, why):
    faults.add((path, texts[path].count('\n', 0, offset) + 1, why))

def each(path, pattern, text=None):
    return re.finditer(pattern, texts[path] if text is None else text)

def blank(pattern, text):
    """`text` without what matches; lines and offsets stay."""
    return re.sub(pattern, lambda found: re.sub(r'[^\n]', ' ', found[0]), text, flags=re.S | re.M)

def without_code(text):
    return blank(r'`[^`\n]*`', without_blocks(text))

def without_blocks(text):
    return blank(r'^ *```.*?^ *```', text)

def anchors(path):
    """The anchors of the headings, as GitHub and GitLab make them."""
    found = set()
    for heading in re.findall(r'^#+ +(.+?) *$', without_blocks(texts[path]), re.M):
        plain = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower()
        name = re.sub(r'[^\w\- ]', '', plain).replace(' ', '-')
        found.add(name if name not in found else name + '-1')
    return found

# Cases: each tag has one, each one has a test.
cases = {}
for row in each(CASES, r'(?m)^\| (E\d+) \|'):
    if row[1] in cases:
        report(CASES, row.start(), f'{row[1]} is there twice')
    cases[row[1]] = row.start()
tested = set()
for path in texts:
    for tag in each(path, r'\[(E\d\d+)\]' if path != CASES else r'\b(E\d\d+)\b'):
        if tag[1] not in cases:
            report(path, tag.start(), f'{CASES} has no case {tag[1]}')
        elif path.startswith('tests/') and not path.endswith(('.md', '.sh')):
            tested.add(tag[1])
for tag in cases.keys() - tested:
    report(CASES, cases[tag], f'no test has the tag [{tag}]')

# Invariants, decisions and documents, wherever they are named.
numbers = re.search(r'^## Invariants$(.*?)^## ', texts[ARCHITECTURE], re.M | re.S)
invariants = set(re.findall(r'^(\d+)\. ', numbers[1], re.M)) if numbers else set()
decisions = {os.path.basename(path)[:4] for path in texts if path.startswith(DECISIONS)}
for path in texts:
    if path == 'tests/check/dangling.sh':
        continue
    for named in each(path, r'(?i)\binvariants?\s+(\d+)'):
        if named[1] not in invariants:
            report(path, named.start(), f'{ARCHITECTURE} has no invariant {named[1]}')
    for named in each(path, r'(?i)\bdecisions?[\s/]+(?://+\s*)?(\d{4})\b'):
        if named[1] not in decisions:
            report(path, named.start(), f'{DECISIONS} has no {named[1]}')
    for named in each(path, r'\b(?:docs|tests|bench)/[\w./-]+\.md\b'):
        if not os.path.exists(named[0]):
            report(path, named.start(), f'there is no {named[0]}')

# Links, and paths in `code`, of documents.
for path in (path for path in texts if path.endswith('.md')):
    for link in each(path, r'\]\(([^)\s]+)\)', without_code(texts[path])):
        if re.match(r'[a-z]+:', link[1]):
            continue
        target, _, anchor = link[1].partition('#')
        target = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(target):
            report(path, link.start(), f'there is no {target}')
        elif anchor and (target not in texts or anchor not in anchors(target)):
            report(path, link.start(), f'{target} has no heading #{anchor}')
    for named in each(path, r'`([\w-]+/[\w./*@-]*)`', without_blocks(texts[path])):
        wanted = named[1].rstrip('/')
        units = (wanted, wanted + '.*')  # `bpf/terminate/engine` is a unit: its header and its source
        if named[1].split('/')[0] in folders and not os.path.exists(wanted) and not any(fnmatch.filter(paths, unit) for unit in units):
            report(path, named.start(), f'there is no {named[1]}')

for path, line, why in sorted(faults):
    print(f'{path}:{line}   <- {why}')
sys.exit(bool(faults))
PYTHON
