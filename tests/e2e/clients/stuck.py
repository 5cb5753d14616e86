# SPDX-License-Identifier: Apache-2.0
"""A TCP connection whose lock is held: send() sleeps in a page fault that nobody serves until it is told to.

usage: stuck.py ADDRESS PORT [HOST]    (connects until it is that host that answers)
Each line of standard input is one step: hold the lock, then let it go.
"""
import ctypes
import os
import platform
import socket
import struct
import sys
import threading

from say import errno_of, say

SYS_USERFAULTFD = {"x86_64": 323, "aarch64": 282}[platform.machine()]
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_ZEROPAGE = 0xC018AA3F, 0xC020AA00, 0xC020AA04
UFFD_API, MODE_MISSING = 0xAA, 1
PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, MSG_NOSIGNAL = 0x3, 0x22, 0x4000
PAGE, MESSAGE = 4096, 32

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class MissingPage:
    """A page that is not there until release(): who reads it sleeps."""

    def __init__(self):
        self.fault = checked(libc.syscall(SYS_USERFAULTFD, os.O_CLOEXEC))
        self.address = libc.mmap(None, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
        self._ioctl(UFFDIO_API, struct.pack("QQQ", UFFD_API, 0, 0))
        self._ioctl(UFFDIO_REGISTER, struct.pack("QQQQ", self.address, PAGE, MODE_MISSING, 0))

    def _ioctl(self, request, argument):
        checked(libc.ioctl(self.fault, ctypes.c_ulong(request), ctypes.create_string_buffer(argument)))

    def wait_for_reader(self):
        os.read(self.fault, MESSAGE)

    def release(self):
        self._ioctl(UFFDIO_ZEROPAGE, struct.pack("QQQQ", self.address, PAGE, 0, 0))


def connect(address, port, wanted):
    while True:
        sock = socket.create_connection((address, port))
        sock.sendall(b"who")
        host = sock.recv(64).decode().strip()
        if wanted in (None, host):
            return sock, host
        sock.close()


def main(address, port, wanted=None):
    sock, host = connect(address, port, wanted)
    say("connected", host=host)
    sys.stdin.readline()
    page = MissingPage()
    sender = threading.Thread(target=libc.send, args=(sock.fileno(), page.address, PAGE, MSG_NOSIGNAL), daemon=True)
    sender.start()
    page.wait_for_reader()
    say("holding")
    sys.stdin.readline()
    page.release()
    sender.join()
    try:
        sock.recv(64)
        say("broken", errno=None)
    except OSError as error:
        say("broken", errno=errno_of(error))
    sys.stdin.readline()


main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
