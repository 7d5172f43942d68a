"""`websockets`, the WebSocket client for Python: python websockets_client.py"""

import base64
import json

from lib import ADDRESS, SOUND, restart, run, token
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

count = 0


def fresh(name):
    global count
    count += 1
    return f"websockets-{name}-{count}"


class Client:
    def __init__(self, bearer):
        # The way of a browser, which can set no other header.
        offer = ["greenroom.v1", f"bearer.{bearer}"]
        self.socket = connect(f"ws://{ADDRESS}/ws", subprotocols=offer).__enter__()
        assert self.socket.subprotocol == "greenroom.v1"
        self.kept = []

    def next(self, name):
        for at, message in enumerate(self.kept):
            if name(message):
                return self.kept.pop(at)
        while True:
            data = self.socket.recv(timeout=20)
            message = data if isinstance(data, bytes) else json.loads(data)
            if name(message):
                return message
            self.kept.append(message)

    def event(self, name):
        return self.next(lambda m: not isinstance(m, bytes) and m["type"] == name)

    def ask(self, message):
        self.socket.send(json.dumps({**message, "ref": "r"}))
        return self.next(lambda m: not isinstance(m, bytes) and m.get("ref") == "r")

    def join(self, session, **more):
        answer = self.ask({"type": "session:join", "sessionId": session, **more})
        assert answer["type"] == "ok", answer
        return self.event("session:joined")

    def closed(self):
        try:
            while True:
                self.socket.recv(timeout=20)
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason


def talks_and_is_ended():
    session = fresh("session")
    ana = Client(token(fresh("ana"), "candidate"))
    ana.event("connection:success")
    ana.join(session)
    ben = Client(token("ben", "interviewer", session=session))
    ben.join(session, audio="binary")
    text = base64.b64encode(SOUND).decode()
    ana.ask({"type": "audio:stream", "format": "pcm16", "sampleRate": 16000, "audioData": text})
    heard = ben.next(lambda m: isinstance(m, bytes))
    assert heard[0] == 0x81 and heard[20:] == SOUND
    assert ana.ask({"type": "end_interview"})["type"] == "ok"
    for member in (ana, ben):
        assert member.event("session_ended")["reason"] == "candidate_ended"
        assert member.closed() == (1000, "session_over")


def is_replaced():
    session, user = fresh("session"), fresh("eve")
    first = Client(token(user, "candidate"))
    first.join(session)
    second = Client(token(user, "candidate"))
    second.join(session)
    first.event("connection:replaced")
    assert first.closed() == (4409, "replaced")
    second.socket.close()


def is_refused():
    client = Client("no.good.token")
    assert client.event("connection:error")["code"] == "token_invalid"
    assert client.closed()[0] == 4401


def is_sent_away_by_a_deploy():
    lea = Client(token(fresh("lea"), "candidate"))
    lea.join(fresh("session"))
    restart()
    lea.event("server:draining")
    assert lea.closed() == (4420, "server_restart")
    Client(token(fresh("lea"), "candidate")).join(fresh("session"))


run([
    ("talks and is ended", talks_and_is_ended),
    ("is replaced", is_replaced),
    ("is refused", is_refused),
    ("is sent away by a deploy", is_sent_away_by_a_deploy),
])
