"""`websockets`, the WebSocket client for Python: python websockets_client.py"""

import json
import threading
import urllib.request

from lib import ADDRESS, Member, serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

with urllib.request.urlopen(f"{ADDRESS}/api/asyncapi.json") as answer:
    CLOSE_CODES = {row["code"]: row["comeBack"] for row in json.load(answer)["x-close-codes"]}


class Plain(Member):
    """A member at the plain door; what it does after a close is looked up, as the page says."""

    def __init__(self, name, order):
        super().__init__(name, order)
        self.asked = {}
        self.ref = 0
        self.pause = 0.0
        self.retry = 0.0
        self.reading = threading.Event()
        self.reading.set()
        self.over = threading.Event()

    def connect(self):
        threading.Thread(target=self.live, daemon=True).start()

    def live(self):
        while True:
            code, reason = self.connection()
            back = CLOSE_CODES.get(code, "no")
            self.tell("closed", {"code": code, "reason": reason, "back": back})
            if back == "no" or self.is_over:
                return
            if back == "with_new_token":
                self.token_at += 1
            # Shorter than a real page's, and growing as they do.
            self.pause = min(self.pause * 2 or 0.25, 2.0)
            if self.over.wait(max(self.pause, self.retry if back == "after_delay" else 0)):
                return
            self.tell("attempt")

    def connection(self):
        """From one handshake to its close: code and reason."""
        token = self.token()
        # The way of a browser, which can set no other header.
        offer = ["greenroom.v1"] + ([f"bearer.{token}"] if token else [])
        url = self.order["url"].replace("http", "ws") + "/ws"
        try:
            # A queue of one: what is not read stays in the socket.
            with connect(url, subprotocols=offer, origin=self.order.get("origin"),
                         max_queue=1, max_size=None) as socket:
                assert socket.subprotocol == "greenroom.v1"
                with self.lock:
                    self.socket, self.asked = socket, {}
                while True:
                    self.reading.wait()
                    self.read(socket.recv())
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        except (OSError, EOFError, TimeoutError):
            return 1006, ""
        except Exception as error:
            # A handshake that was answered with something else, or cut off.
            if type(error).__module__.startswith("websockets"):
                return 1006, ""
            raise

    def read(self, data):
        if isinstance(data, bytes):
            return self.heard_chunk(data)
        message = json.loads(data)
        answer = self.asked.pop(message.get("ref"), None)
        if answer:
            return answer(message)
        if "retryAfterMs" in message:
            self.retry = message["retryAfterMs"] / 1000
        self.heard(message)
        if message["type"] == "connection:success":
            self.pause = self.retry = 0.0
            self.opened()

    def ask(self, message, answer):
        with self.lock:
            self.ref += 1
            self.asked[self.ref] = answer
            text = json.dumps({**message, "ref": self.ref})
        try:
            self.socket.send(text)
        except ConnectionClosed:
            pass  # The reader says so.

    def send_chunk(self, data):
        self.socket.send(data)

    def stop_reading(self):
        self.reading.clear()

    def read_on(self):
        self.reading.set()

    def leave(self):
        self.is_over = True
        self.over.set()
        self.socket.close()


serve(Plain)
