# SPDX-License-Identifier: Apache-2.0
"""Runs another of these clients in a process that nobody without CAP_SYS_PTRACE may look into.

usage: undumpable.py SCRIPT ARGUMENT...
"""
import ctypes
import runpy
import sys

PR_SET_DUMPABLE = 4

if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0) != 0:
    sys.exit("PR_SET_DUMPABLE failed")
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
