# SPDX-License-Identifier: Apache-2.0
"""A long-lived subscription that says hello on every connection and subscribes again when it breaks.

usage: redis_subscriber.py HOST:PORT
"""
import sys

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from say import errno_of, say


def subscribe(client):
    """Listens until the connection breaks. The same connection asks first for the server's key `host`."""
    subscription = client.pubsub(ignore_subscribe_messages=True)
    subscription.execute_command("GET", "host")
    host = subscription.parse_response()
    subscription.subscribe("news")
    say("subscribed", host=host)
    for message in subscription.listen():
        say("message", text=message["data"])


def main(address):
    host, port = address.split(":")
    while True:
        # No timeouts and no keep-alive: nothing but the kernel can end the wait. No retries, of which redis-py 6 says
        # nothing.
        client = redis.Redis(host, int(port), decode_responses=True, retry=Retry(NoBackoff(), 0))
        try:
            subscribe(client)
        except redis.ConnectionError as error:
            say("broken", errno=errno_of(error), text=str(error))
        client.connection_pool.disconnect()


main(sys.argv[1])
