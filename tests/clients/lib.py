"""What the Python clients of these tests need: tokens, waits with a limit, steps that say how it went."""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
import traceback

ADDRESS = os.environ["GREENROOM_ADDRESS"]
PATIENCE = 20.0
SOUND = bytes(n % 251 for n in range(320))


def token(sub, role, session=None, seconds=600):
    now = int(time.time())
    claims = {"sub": sub, "role": role, "iat": now, "exp": now + seconds}
    if session:
        claims["session"] = session

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    head = part(b'{"alg":"HS256","typ":"JWT"}')
    message = head + b"." + part(json.dumps(claims).encode())
    secret = os.environ["GREENROOM_SECRET"].encode()
    signature = part(hmac.new(secret, message, hashlib.sha256).digest())
    return (message + b"." + signature).decode()


class Seen:
    """Things that happened, in order; whoever waits gets the first one of that name."""

    def __init__(self):
        self.all = []
        self.changed = threading.Condition()

    def add(self, name, value=None):
        with self.changed:
            self.all.append((name, value))
            self.changed.notify_all()

    def names(self):
        with self.changed:
            return [name for name, _ in self.all]

    def next(self, name):
        by = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for at, (seen, value) in enumerate(self.all):
                    if seen == name:
                        del self.all[at]
                        return value
                left = by - time.monotonic()
                assert left > 0, f"no {name} came; there was {self.all}"
                self.changed.wait(left)


def restart():
    """Has the harness stop the server, as a deploy does, and start it again on the same port."""
    print("restart", flush=True)
    assert sys.stdin.readline().strip() == "restarted"


def run(steps):
    for name, step in steps:
        try:
            step()
            print(f"ok {name}", flush=True)
        except BaseException:
            print(f"failed {name}: {traceback.format_exc()}", flush=True)
            os._exit(1)
    print(f"done {len(steps)}", flush=True)
    os._exit(0)
