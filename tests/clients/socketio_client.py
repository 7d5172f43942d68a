"""The Socket.IO client for Python: python socketio_client.py <transports>"""

import base64
import sys
import time

import socketio
from lib import ADDRESS, SOUND, Seen, restart, run, token

TRANSPORTS = sys.argv[1].split(",")
NAMESPACE = "/interview"
EVENTS = [
    "connection:success", "connection:closing", "connection:replaced", "session:joined",
    "user:joined", "user:disconnected", "audio:received", "session_ended", "server:draining",
]
count = 0


def fresh(name):
    global count
    count += 1
    return f"python-{'-'.join(TRANSPORTS)}-{name}-{count}"


class Client:
    def __init__(self, auth):
        self.seen = Seen()
        self.sio = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.5)
        for name in EVENTS:
            self.sio.on(name, lambda data, name=name: self.seen.add(name, data), namespace=NAMESPACE)
        self.sio.on("connect", lambda: self.seen.add("connect"), namespace=NAMESPACE)
        self.sio.on("disconnect", lambda reason: self.seen.add("disconnect", reason), namespace=NAMESPACE)
        self.sio.on("connect_error", lambda data: self.seen.add("connect_error", data), namespace=NAMESPACE)
        self.auth = auth

    def connect(self):
        self.sio.connect(f"http://{ADDRESS}", namespaces=[NAMESPACE], auth=self.auth,
                         transports=TRANSPORTS, wait_timeout=10)
        self.success = self.seen.next("connection:success")
        return self

    def ask(self, event, fields):
        return self.sio.call(event, fields, namespace=NAMESPACE, timeout=10)

    def join(self, session, **more):
        answer = self.ask("session:join", {"sessionId": session, **more})
        assert answer["type"] == "ok", answer
        return self.seen.next("session:joined")

    def stays_away(self, code):
        closing = self.seen.next("connection:closing")
        assert (closing["code"], closing["comeBack"]) == (code, "no"), closing
        self.seen.next("disconnect")
        time.sleep(1.0)
        assert "connect" not in self.seen.names()[1:] and not self.sio.connected, self.seen.all


def candidate(name, **more):
    return Client({"token": token(fresh(name), "candidate", **more)}).connect()


def talks_and_is_ended():
    session = fresh("session")
    ana = candidate("ana")
    ana.join(session)
    ben = Client({"token": token("ben", "interviewer", session=session)}).connect()
    ben.join(session, audio="binary")
    assert ana.seen.next("user:joined")["userId"] == "ben"
    fields = {"format": "pcm16", "sampleRate": 16000}
    said = ana.ask("audio:stream", {**fields, "audioData": SOUND})
    assert (said["type"], said["seq"]) == ("ok", 0), said
    heard = bytes(ben.seen.next("audio:received"))
    assert heard[0] == 0x81 and heard[20:] == SOUND
    text = base64.b64encode(SOUND).decode()
    ben.ask("audio:stream", {**fields, "audioData": text})
    assert ana.seen.next("audio:received")["audioData"] == text
    ana.seen.next("connect")
    ben.seen.next("connect")
    assert ana.ask("end_interview", {})["type"] == "ok"
    for member in (ana, ben):
        assert member.seen.next("session_ended")["reason"] == "candidate_ended"
        member.stays_away(1000)


def is_refused():
    client = Client({"token": "no.good.token"})
    try:
        client.connect()
    except socketio.exceptions.ConnectionError:
        pass
    else:
        raise AssertionError("it was let in")
    assert client.seen.next("connect_error")["data"]["code"] == "token_invalid"


def comes_back_after_a_deploy():
    client = candidate("lea")
    client.join(fresh("session"))
    client.seen.next("connect")
    restart()
    assert client.seen.next("connection:closing")["code"] == 4420
    client.seen.next("disconnect")
    client.seen.next("connect")
    client.join(fresh("session"))
    client.sio.disconnect()


def watches_three_sessions():
    sessions = [fresh("room") for _ in range(3)]
    watcher = Client({"token": token("root", "admin")}).connect()
    people = []
    for session in sessions:
        person = candidate("cand")
        person.join(session)
        watcher.join(session)
        people.append(person)
    for person, session in zip(people, sessions):
        person.ask("audio:stream", {"format": "pcm16", "sampleRate": 16000, "audioData": SOUND})
        assert watcher.seen.next("audio:received")["sessionId"] == session
    people[0].ask("end_interview", {})
    assert watcher.seen.next("session_ended")["sessionId"] == sessions[0]
    assert watcher.ask("ping", {})["type"] == "pong"
    for client in people[1:] + [watcher]:
        client.sio.disconnect()


run([
    ("talks and is ended", talks_and_is_ended),
    ("is refused", is_refused),
    ("watches three sessions", watches_three_sessions),
    ("comes back after a deploy", comes_back_after_a_deploy),
])
