"""An SMS gateway of one's own, for the examples that bring one: it hears requests and is in some mood."""

import http.server
import json
import threading
import time
import urllib.parse

import stage

WORKS = 200, {"status": "accepted"}
DOWN = 503, {"status": "down for maintenance"}
KNOWS_NO_SUCH_NUMBER = 200, {"status": "rejected", "error": "unknown_number"}
HAS_HIM_OPTED_OUT = 200, {"status": "rejected", "error": "opted_out"}
WANTS_ANOTHER_LOGIN = 401, {"status": "rejected"}
HANGS_UP = None
"""It takes the request and ends the connection: nobody knows whether it sent anything."""


class Gateway:
    def __init__(self, port):
        self.heard = []
        self.mood = WORKS
        handler = type("Handler", (Handler,), {"gateway": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def to(self, number):
        """The requests that named this number, oldest first."""
        return [request for request in self.heard if request["to"] == number]

    def wait(self, number, count=1):
        """The same, once there are so many."""
        until = time.monotonic() + 15
        while len(requests := self.to(number)) < count:
            if time.monotonic() > until:
                raise stage.stopped(f"{count} texts to {number} were to come, but: {self.heard}")
            time.sleep(0.02)
        return requests


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"].startswith("application/json"):
            request = json.loads(data)
        else:
            request = dict(urllib.parse.parse_qsl(data.decode(), keep_blank_values=True))
        self.gateway.heard.append(request)
        if self.gateway.mood is HANGS_UP:
            self.close_connection = True
            return
        status, answer = self.gateway.mood
        body = json.dumps({"id": f"m{len(self.gateway.heard)}", **answer}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
