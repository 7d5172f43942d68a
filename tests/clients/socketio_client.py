"""The Socket.IO client for Python: python socketio_client.py <transports>"""

import base64
import sys
import threading

import socketio
from lib import Member, serve

TRANSPORTS = sys.argv[1].split(",")


class SocketIo(Member):
    """A member at the Socket.IO door. Coming back is the official client's own business."""

    def __init__(self, name, order):
        super().__init__(name, order)
        self.namespace = order.get("namespace", "/interview")
        # Its WebSocket would send an origin of its own beside the one it is told to.
        extra = {"suppress_origin": True} if order.get("origin") else {}
        self.sio = socketio.Client(reconnection_delay=0.25, reconnection_delay_max=2,
                                   randomization_factor=0.1, websocket_extra_options=extra)
        on = {"connect": self.opened, "disconnect": self.lost, "connect_error": self.failed,
              "*": self.said}
        for event, handler in on.items():
            self.sio.on(event, handler, namespace=self.namespace)

    def connect(self):
        threading.Thread(target=self.try_it, daemon=True).start()

    def try_it(self):
        origin = self.order.get("origin")
        try:
            self.sio.connect(self.order["url"], namespaces=[self.namespace],
                             auth=lambda: {"token": self.token()} if self.token() else {},
                             headers={"Origin": origin} if origin else {},
                             transports=TRANSPORTS, wait_timeout=10, retry=True)
        except (socketio.exceptions.ConnectionError, ValueError) as error:
            self.tell("gave_up", {"message": str(error)})

    def lost(self, reason):
        self.tell("disconnect", {"reason": reason})

    def failed(self, data=None):
        error = data if isinstance(data, dict) else {"message": data}
        self.tell("connect_error", {"message": error.get("message"), "data": error.get("data")})

    def said(self, name, *args):
        if len(args) != 1:
            return self.tell("broken", {"name": name, "args": len(args)})
        if isinstance(args[0], bytes):
            return self.heard_chunk(args[0])
        if args[0].get("type") != name:
            return self.tell("broken", {"name": name, "data": args[0]})
        if name == "connection:closing" and args[0]["comeBack"] == "with_new_token":
            self.token_at += 1
        self.heard(args[0])

    def ask(self, message, answer):
        fields = {key: value for key, value in message.items() if key != "type"}
        sound = fields.get("audioData")
        if isinstance(sound, dict):
            fields["audioData"] = base64.b64decode(sound["bytes"])
        self.sio.emit(message["type"], fields, namespace=self.namespace, callback=answer)

    def send_chunk(self, data):
        self.sio.emit("audio:stream", data, namespace=self.namespace)

    def leave(self):
        self.is_over = True
        self.sio.shutdown()


serve(SocketIo)
