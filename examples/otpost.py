"""A client for Otpost in one file, with the standard library alone: copy it into your project.

It reads OTPOST_URL (http://127.0.0.1:8080 if unset) and OTPOST_KEY. Keep the key on your server: whoever has
it can have codes sent and checked.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

PATIENCE_SECS = 10.0


class Refused(Exception):
    """Otpost said no. `code` says why and stays the same for good; all of them stand in docs/errors.md."""

    def __init__(self, status, problem, retry_after):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail') or problem.get('title')}")
        self.status = status
        self.code = problem.get("code", "unavailable")
        self.problem = problem
        self.retry_after = retry_after


class Otpost:
    def __init__(self, url=None, key=None):
        self.url = (url or os.environ.get("OTPOST_URL") or "http://127.0.0.1:8080").rstrip("/")
        self.key = key or os.environ.get("OTPOST_KEY") or ""
        # The service is next door: a proxy from the environment is not meant for it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def create(self, to, purpose="default", key=None, **fields):
        """Sends a code. What comes back has `id` and `session_token`; it is stored, and on its way.

        `fields`: subject, channel, locale, variables, client_ip, decoy, … as docs/api.md tells them.
        """
        body = {"to": to, "purpose": purpose, **fields}
        return self.call("POST", "/v1/verifications", body, key or uuid.uuid4().hex)

    def check(self, session_token, code, **fields):
        """Is this the code? Gives `receipt`, or raises `Refused`. `fields`: subject, to."""
        body = {"session_token": session_token, "code": code, **fields}
        return self.call("POST", "/v1/verifications/check", body, uuid.uuid4().hex)

    def consume(self, receipt, purpose, subject=None):
        """Uses a receipt up, right before what it allows. It counts once, for this purpose and subject."""
        body = {"receipt": receipt, "purpose": purpose}
        if subject is not None:
            body["subject"] = subject
        # Not repeated: whether a lost answer used it up is not known, so the person starts anew.
        return self.call("POST", "/v1/receipts/consume", body)

    def resend(self, id):
        """Sends the code again, with no new guesses."""
        return self.call("POST", f"/v1/verifications/{id}/resend", {}, uuid.uuid4().hex)

    def show(self, id):
        """What became of it, attempt by attempt. No code is in it."""
        return self.call("GET", f"/v1/verifications/{id}")

    def message(self, to, text, key=None, **fields):
        """Sends one text that is not a code."""
        return self.call("POST", "/v1/messages", {"to": to, "text": text, **fields}, key or uuid.uuid4().hex)

    def call(self, method, path, body=None, key=None):
        """One call. With an idempotency key it is repeated while nobody knows what became of it."""
        until = time.monotonic() + PATIENCE_SECS
        while True:
            try:
                return self._once(method, path, body, key)
            except Refused as no:
                passing = no.status == 503 or no.code == "idempotency_in_progress"
                wait = no.retry_after
                if not passing or key is None or time.monotonic() + wait > until:
                    raise
            time.sleep(wait)

    def _once(self, method, path, body, key):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=PATIENCE_SECS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Refused(error.code, _problem(error.read()), _seconds(error.headers)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Refused(503, {"code": "unavailable", "detail": f"{self.url}: {error}"}, 1.0) from None


def _problem(data):
    try:
        problem = json.loads(data)
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {}


def _seconds(headers):
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 1.0
