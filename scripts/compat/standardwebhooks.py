#!/usr/bin/env python3
"""Receives events of a running Otpost, and has the reference library of Standard Webhooks check them.

Prints a table of what was checked and exits with 1 when one row is not as it should be.

    printf '[webhooks]\\nallow_http = true\\nallow_private = true\\n' > otpost.toml
    otpost serve
    export OTPOST_KEY=$(otpost key create --json)
    pip install standardwebhooks && python3 scripts/compat/standardwebhooks.py
"""

import http.server
import json
import os
import queue
import random
import sys
import threading
import urllib.request

# This file has the library's name, and must not stand before it.
sys.path.pop(0)

from standardwebhooks import Webhook, WebhookVerificationError  # noqa: E402

URL = os.environ.get("OTPOST_URL", "http://127.0.0.1:8080")
KEY = json.loads(os.environ["OTPOST_KEY"])["key"]
PATIENCE_SECS = 20

rows = []
arrived = queue.Queue()
passed_over = []


def row(what, came, expected):
    rows.append((what, came, expected, came == expected))


class Receiver(http.server.BaseHTTPRequestHandler):
    refuse = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if Receiver.refuse > 0:
            Receiver.refuse -= 1
            self.send_response(500)
        else:
            arrived.put((dict(self.headers.items()), body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method)
    request.add_header("Authorization", f"Bearer {KEY}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def verifies(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def take(kind, about=None):
    """The next delivery of this type, checked by nobody yet. Those of others are kept: they come in any order."""
    while True:
        for place, (headers, body) in enumerate(passed_over):
            event = json.loads(body)
            if event["type"] == kind and about in (None, event["data"].get("verification_id")):
                del passed_over[place]
                return {name.lower(): value for name, value in headers.items()}, body, event
        passed_over.append(arrived.get(timeout=PATIENCE_SECS))


def number():
    return f"+1202555{random.randrange(10_000):04}"


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
hook = call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{server.server_port}/hook"})
path = f"/v1/webhooks/{hook['id']}"
first = hook["secret"]

try:
    call("POST", path + "/test")
    headers, body, event = take("webhook.test")
    row("a test event verifies", verifies(first, headers, body), True)
    row("it names the endpoint", event["data"]["webhook_id"], hook["id"])
    row("another body does not", verifies(first, headers, body + b" "), False)
    other = dict(headers, **{"webhook-id": "other"})
    row("another id does not", verifies(first, other, body), False)
    old = dict(headers, **{"webhook-timestamp": "1614265330"})
    row("an old timestamp does not", verifies(first, old, body), False)
    row("another secret does not", verifies("whsec_" + "A" * 44, headers, body), False)

    made = call("POST", "/v1/verifications", {"to": number()})
    headers, body, event = take("verification.created", made["id"])
    row("a verification is told and verifies", verifies(first, headers, body), True)
    row("its address is masked", event["data"]["to"], made["to"])
    headers, body, event = take("message.sent", made["id"])
    row("its message is told and verifies", verifies(first, headers, body), True)

    second = call("POST", path + "/rotate")["secret"]
    Receiver.refuse = 1
    call("POST", f"/v1/verifications/{made['id']}/cancel")
    headers, body, event = take("verification.canceled", made["id"])
    row("what was refused comes again and verifies", verifies(second, headers, body), True)
    row("the old secret still does", verifies(first, headers, body), True)
    row("there are two signatures", len(headers["webhook-signature"].split()), 2)
finally:
    call("DELETE", path)

for what, came, expected, good in rows:
    print(f"{'ok ' if good else 'BAD'}  {what:45}  {came!r}" + ("" if good else f"  expected {expected!r}"))
sys.exit(0 if all(good for *_, good in rows) else 1)
