"""What a page makes of its connection, for the Python clients of these tests: the twin of
`member.mjs` and `lib.mjs`. Orders come as lines of JSON, what happened goes back as lines of JSON;
`crates/server/tests/clients` is the other side, and nothing is judged here."""

import base64
import json
import os
import struct
import sys
import threading
import traceback

ADDRESS = os.environ["GREENROOM_ADDRESS"]
_writing = threading.Lock()


class Place:
    """What a member knows of one session."""

    def __init__(self):
        self.key = None
        self.epoch = 0
        self.seq = 0
        # Events that came before the one they follow: `python-socketio` handles each message in
        # a thread of its own, so that they overtake each other.
        self.early = {}

    def follow(self, message):
        self.early[message["prev"]] = message["seq"]
        self.catch_up()

    def catch_up(self):
        while self.seq in self.early:
            self.seq = self.early.pop(self.seq)


class Member:
    """What both doors have in common."""

    def __init__(self, name, order):
        self.name = name
        self.order = order
        self.places = {id: Place() for id in order.get("join", [])}
        self.lock = threading.RLock()
        self.nth = 0
        self.token_at = 0
        self.is_over = False

    def tell(self, saw, data=None):
        line = json.dumps({"client": self.name, "saw": saw, "data": data or {}})
        with _writing:
            print(line, flush=True)

    def token(self):
        tokens = self.order["tokens"]
        return tokens[min(self.token_at, len(tokens) - 1)] if tokens else None

    def opened(self):
        """Takes the seats this page wants, and those it had."""
        self.nth += 1
        self.tell("open", {"nth": self.nth})
        for session, place in list(self.places.items()):
            join = {"type": "session:join", "sessionId": session}
            if self.order.get("hears"):
                join["audio"] = self.order["hears"]
            if place.key:
                join["resume"] = {"key": place.key, "epoch": place.epoch, "seq": place.seq}
            self.ask(join, lambda reply, session=session: self.joined(session, reply))

    def joined(self, session, reply):
        if reply["type"] == "ok":
            return
        self.tell("refused", reply)
        # There is nothing to come back to.
        self.places.pop(session, None)
        if not self.places:
            self.leave()

    def heard(self, message):
        """Something was said."""
        self.tell("event", message)
        with self.lock:
            place = self.places.get(message.get("sessionId"))
            if place is None:
                return
            if message["type"] == "session:joined":
                place.key = message["resumeKey"]
                place.epoch = message["epoch"]
                if not message["recovered"]:
                    place.seq = message["seq"]
                    place.catch_up()
            elif message["type"] == "session_ended":
                self.places.pop(message["sessionId"], None)
            elif "seq" in message and "prev" in message and not message.get("provisional"):
                place.follow(message)

    def heard_chunk(self, data):
        """A chunk in the binary layout came: large ones are only counted."""
        data = bytes(data)
        room, _, stream, seq = struct.unpack_from("<HHII", data, 4)
        sound = base64.b64encode(data[20:]).decode() if len(data) <= 1000 else None
        self.tell("chunk", {"kind": data[0], "room": room, "stream": stream, "seq": seq,
                            "bytes": len(data) - 20, "sound": sound})

    def send(self, message):
        self.ask(message, lambda reply: self.tell("reply", reply))

    def big(self, bytes):
        """A message too large for any server."""
        self.ask({"type": "session:leave", "sessionId": "x" * bytes}, lambda reply: None)

    def storm(self, requests):
        """More requests at once than anybody may send."""
        for _ in range(requests):
            self.ask({"type": "ping"}, lambda reply: None)

    def chunk(self, sound, stream=1, seq=0):
        """Sound in the binary layout."""
        self.send_chunk(layout(stream, seq, base64.b64decode(sound)))


def layout(stream, seq, sound):
    """20 bytes and the sound: docs/protocol.md, "Audio"."""
    return struct.pack("<BBBBHHIII", 1, 0, 0, 0, 0, 16000, stream, seq, 0) + sound


def serve(make):
    """Serves orders until there are no more. `make(name, order)` makes a member."""
    members = {}
    Member("-", {}).tell("ready")
    for line in sys.stdin:
        order = json.loads(line)
        name, what = order.pop("client"), order.pop("do")
        try:
            if what == "open":
                members[name] = make(name, order)
                members[name].connect()
            else:
                getattr(members[name], what)(**order)
        except Exception:
            Member(name, {}).tell("broken", {"what": what, "error": traceback.format_exc()})
    os._exit(0)
