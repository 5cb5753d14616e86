# SPDX-License-Identifier: Apache-2.0
"""Writes a file again and again as an editor on a slow disk might: truncated, in two pieces, with a pause between.

usage: slow_writer.py PATH PIECE PAUSE TIMES     (the content comes from standard input; PIECE is the first one's size)
"""
import sys
import time

from say import say


def main(path, piece, pause, times):
    content = sys.stdin.read()
    for _ in range(int(times)):
        with open(path, "w") as file:
            file.write(content[:int(piece)])
            file.flush()
            time.sleep(float(pause))
            file.write(content[int(piece):])
        say("written")
    say("done")


main(*sys.argv[1:])
