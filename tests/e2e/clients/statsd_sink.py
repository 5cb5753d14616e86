# SPDX-License-Identifier: Apache-2.0
"""What a statsd daemon is from outside: counters arrive by UDP, a management port listens on TCP, nothing is answered.

usage: statsd_sink.py ADDRESS UDP_PORT TCP_PORT
"""
import socket
import sys
import threading

from say import say


def manage(server):
    while True:
        server.accept()[0].close()


def main(address, udp_port, tcp_port):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, int(udp_port)))
    management = socket.create_server((address, int(tcp_port)))
    threading.Thread(target=manage, args=(management,), daemon=True).start()
    say("listening")
    while True:
        counter, peer = udp.recvfrom(512)
        say("counter", text=counter.decode(), port=peer[1])


main(*sys.argv[1:])
