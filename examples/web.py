"""What a web framework would give the examples: JSON calls, a session per browser, tables, passwords.

Take your framework in its place; what is to be copied stands in the examples themselves.
"""

import collections
import hashlib
import hmac
import http.client
import http.server
import inspect
import json
import re
import secrets
import sqlite3
import threading

from otpost import Refused

Answer = collections.namedtuple("Answer", "status body")


class Stop(Exception):
    """Ends a call with this status and sentence."""

    def __init__(self, status, error):
        super().__init__(error)
        self.status = status


class App:
    """Each name in `actions` is a call: a POST to /name with the method's parameters as JSON."""

    tables = ""
    actions = ()

    def __init__(self, otpost):
        self.otpost = otpost
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(self.tables)
        self._one_at_a_time = threading.Lock()
        self._sessions = collections.defaultdict(dict)

    def sql(self, text, *values):
        """One statement, which is one transaction; its rows."""
        with self._one_at_a_time:
            return self._db.execute(text, values).fetchall()

    def row(self, text, *values):
        """The first row, or None."""
        return next(iter(self.sql(text, *values)), None)

    def answer(self, browser, path, body):
        name = path.strip("/")
        if name not in self.actions:
            return Answer(404, {"error": "There is no such call"})
        try:
            method = getattr(self, name)
            body = method(self._sessions[browser], **fields_of(method, body))
            return body if isinstance(body, Answer) else Answer(200, body)
        except Stop as stop:
            return Answer(stop.status, {"error": str(stop)})
        except Refused as no:
            # `code` is for programs; what people read is a matter of your texts.
            left = {k: no.problem[k] for k in ("guesses_left", "field", "limit") if k in no.problem}
            return Answer(no.status, {"error": no.problem.get("title", "Try again later"), "code": no.code, **left})

    def listen(self, port=0):
        """Answers at http://127.0.0.1:port in threads of its own; gives the address."""
        handler = type("Handler", (Handler,), {"app": self})
        server = Server(("127.0.0.1", port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}"


class Server(http.server.ThreadingHTTPServer):
    # As many may call at the same moment as an attack does.
    request_queue_size = 128


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        found = re.search(r"sid=([\w-]+)", self.headers.get("Cookie", ""))
        # Only a name that we gave out is one.
        browser = found[1] if found and found[1] in self.app._sessions else secrets.token_urlsafe(24)
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.app.answer(browser, self.path, data)
        body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"sid={browser}; HttpOnly; SameSite=Lax; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Browser:
    """Somebody's browser: it keeps its cookie."""

    def __init__(self, address):
        self.address = address
        self.cookie = ""

    def post(self, action, **fields):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        headers = {"Content-Type": "application/json", "Cookie": self.cookie}
        connection.request("POST", f"/{action}", json.dumps(fields), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        self.cookie = answer.headers.get("Set-Cookie", self.cookie).partition(";")[0]
        connection.close()
        return Answer(answer.status, body)


def fields_of(method, body):
    """The fields that the method names, of the types that it names (text, if it says nothing), and no others."""
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise Stop(400, "This is no JSON") from None
    parameters = dict(inspect.signature(method).parameters)
    parameters.pop("session", None)
    if not isinstance(fields, dict):
        raise Stop(400, "A JSON object is needed")
    for name in fields:
        if name not in parameters:
            raise Stop(400, f"There is no field {name}")
    for name, parameter in parameters.items():
        kind = str if parameter.annotation is parameter.empty else parameter.annotation
        if name not in fields and parameter.default is parameter.empty:
            raise Stop(400, f"{name} is missing")
        if name in fields and not isinstance(fields[name], kind):
            raise Stop(400, f"{name} is of another type")
    return fields


def phone_number(text):
    """One spelling for each number: + and digits. For national numbers take a library, such as phonenumbers."""
    number = re.sub(r"[\s().\-]", "", text)
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise Stop(400, "Write the number with + and the country code")
    return number


def hashed(password):
    salt = secrets.token_bytes(16)
    return salt.hex() + hashlib.scrypt(password.encode(), salt=salt, n=4096, r=8, p=1).hex()


NOBODY = hashed(secrets.token_hex(16))


def password_is(password, stored):
    """Takes as long for somebody who is not there: give None."""
    stored = stored or NOBODY
    salt = bytes.fromhex(stored[:32])
    given = hashlib.scrypt(password.encode(), salt=salt, n=4096, r=8, p=1).hex()
    return hmac.compare_digest(given, stored[32:])
