#!/usr/bin/env python3
"""Asks django-phone-verify and Otpost the same questions and compares every answer.

The questions are the rows of django_probes.json, which the test of our endpoints reads too. The original
is installed into a virtual environment and served from a SQLite file; ours is the binary, in a folder of
its own. Exits with 1 when an answer is not the one the table tells.

    cargo build -p otpost
    python3 scripts/compat/django.py
"""

import argparse
import contextlib
import datetime
import http.client
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import venv

HERE = pathlib.Path(__file__).resolve().parent
PROBES = HERE / "django_probes.json"
PACKAGES = ["django==5.2.*", "djangorestframework", "django-phone-verify[twilio]==3.3.0", "phonenumberslite"]
LIFETIME_SECS = 600
# Numbers of one probe; the next one begins behind them.
NUMBERS_EACH = 20
PATIENCE_SECS = 10

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
[limits]
client_ip = ["10000/1s"]
[compat.django]
enabled = true
wrong_per_client = ["10000/1s"]
"""


def number(n):
    """A valid US number that differs for every n below ten thousand."""
    return f"+1202555{n:04}"


class Side:
    """One of the two services: where it listens, and how a person's code is read."""

    def __init__(self, port):
        self.port = port

    def ask(self, method, path, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECS)
        with contextlib.closing(connection):
            connection.request(method, f"/api/phone/{path}", body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return {"status": answer.status, "text": text, "allow": answer.getheader("allow")}

    def post(self, path, fields):
        body = json.dumps(fields).encode()
        return self.ask("POST", path, {"content-type": "application/json"}, body)

    def register(self, phone):
        before = self.messages(phone)
        answer = self.post("register", {"phone_number": phone})
        if answer["status"] != 200:
            raise RuntimeError(f"{phone} was not registered: {answer}")
        token = json.loads(answer["text"])["session_token"]
        return {"phone": phone, "token": token, "code": self.code(phone, token, before)}


class Original(Side):
    """The package, in this very process."""

    def messages(self, phone):
        return 0

    def rows(self, phone):
        from phone_verify.models import SMSVerification

        return SMSVerification.objects.filter(phone_number=phone)

    def code(self, phone, token, _before):
        return self.rows(phone).get(session_token=token).security_code

    def expire(self, phone):
        from django.utils import timezone

        past = timezone.now() - datetime.timedelta(seconds=LIFETIME_SECS + 1)
        self.rows(phone).update(created_at=past)


class Ours(Side):
    """The binary, with the console provider, whose inbox shows what people get."""

    def inbox(self, phone):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECS)
        with contextlib.closing(connection):
            connection.request("GET", "/inbox.json?to=" + urllib.parse.quote(phone))
            return json.loads(connection.getresponse().read())

    def messages(self, phone):
        return len(self.inbox(phone))

    def code(self, phone, _token, before):
        until = time.monotonic() + PATIENCE_SECS
        while time.monotonic() < until:
            inbox = self.inbox(phone)
            if len(inbox) > before:
                return re.search(r"\d{6}", inbox[0]["text"]).group()
            time.sleep(0.02)
        raise RuntimeError(f"nothing came to {phone}")

    def expire(self, _phone):
        raise Skip("its clock cannot be moved from outside; the test of the endpoints does it")


class Skip(Exception):
    """This cannot be asked of this side."""


def other_than(code):
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


class Filling:
    """What stands for the placeholders of one probe."""

    def __init__(self, side, probe, n):
        self.phone, self.held, self.old, self.other = number(n), None, None, None
        for step in probe.get("first", []):
            self.take(side, step, n)

    def take(self, side, step, n):
        if step == "register":
            self.held = side.register(self.phone)
        elif step == "again":
            self.old, self.held = self.held, side.register(self.phone)
        elif step == "other":
            self.other = side.register(number(n + 1))
        elif step == "register until no zero":
            registered = (side.register(number(another)) for another in itertools.count(n))
            self.held = next(held for held in registered if not held["code"].startswith("0"))
            self.phone = self.held["phone"]
        elif step in ("wrong", "right"):
            code = self.held["code"]
            self.verify(side, code if step == "right" else other_than(code))
        elif step == "expire":
            side.expire(self.phone)
        else:
            raise ValueError(f"{step} is no step")

    def verify(self, side, code):
        fields = {"phone_number": self.phone, "session_token": self.held["token"], "security_code": code}
        side.post("verify", fields)

    def fill(self, text):
        digits = self.phone[1:]
        area, rest = digits[1:4], digits[4:]
        wide = "".join(chr(ord(c) - 0x30 + 0xFF10) for c in digits)
        values = {
            "$PHONE": self.phone,
            "$DIGITS": digits,
            "$SPACED": f"+1 ({area}) {rest[:3]}-{rest[3:]}",
            "$DASHED": f"+1-{area}-{rest[:3]}-{rest[3:]}",
            "$WIDE": f"+{wide}",
        }
        if self.held:
            code = self.held["code"]
            values |= {"$TOKEN": self.held["token"], "$CODE": code, "$WRONG": other_than(code)}
            values |= {"$HALF": code[:3], "$REST": code[3:]}
        for name, held in (("OLD", self.old), ("OTHER", self.other)):
            if held:
                values |= {f"${name}_TOKEN": held["token"], f"${name}_CODE": held["code"]}
        for name, value in values.items():
            text = text.replace(name, value)
        return text


def ask_probe(side, probe, n):
    filling = Filling(side, probe, n)
    headers, body = dict(probe.get("headers", {})), None
    if "body" in probe:
        body = filling.fill(probe["body"]).encode()
    elif "hex" in probe:
        body = bytes.fromhex(probe["hex"])
    if body is not None:
        headers["content-type"] = probe.get("kind", "application/json")
    return side.ask(probe.get("method", "POST"), probe["path"], headers, body)


def is_as_known(text, known):
    before, any_, after = known.partition("$ANY")
    if not any_:
        return text == known
    middle = text[len(before) : len(text) - len(after)]
    return text.startswith(before) and text.endswith(after) and middle and '"' not in middle


def mistake(probe, answer, expected):
    """What is not as the table tells, or nothing."""
    if answer["status"] != expected["status"]:
        return f"status {expected['status']} expected"
    known = expected.get("answer")
    if known is not None and not is_as_known(answer["text"], known):
        return f"{known} expected"
    if "allow" in probe and answer["allow"] != probe["allow"]:
        return f"allow: {probe['allow']} expected"
    return None


def ask_all(side, is_ours):
    """Every probe; the sentences about those that were answered otherwise."""
    wrong = []
    for place, probe in enumerate(json.loads(PROBES.read_text(encoding="utf-8"))):
        expected = probe.get("ours", probe) if is_ours else probe
        try:
            answer = ask_probe(side, probe, place * NUMBERS_EACH)
        except Skip as why:
            print(f"skipped: {probe['name']}: {why}")
            continue
        said = mistake(probe, answer, expected)
        if said:
            wrong.append(f"{probe['name']}: {said}, not {answer['status']} {answer['text'][:200]}")
    return wrong


def tell(name, wrong):
    for line in wrong:
        print(f"{name}: {line}")
    print(f"{name}: {len(wrong)} answers are not those of the table")
    return 1 if wrong else 0


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_original(folder):
    """Inside the virtual environment."""
    # This file has the name of the package that is meant.
    sys.path[:] = [path for path in sys.path if pathlib.Path(path).resolve() != HERE]
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="not a secret",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="probed_urls",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3"}},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "rest_framework",
            "phone_verify",
        ],
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
        PHONE_VERIFICATION={
            "BACKEND": "probed_backend.Silent",
            "OPTIONS": {},
            "TOKEN_LENGTH": 6,
            "MESSAGE": "{app}: {security_code}",
            "APP_NAME": "Probe",
            "SECURITY_CODE_EXPIRATION_SECONDS": LIFETIME_SECS,
            "VERIFY_SECURITY_CODE_ONLY_ONCE": True,
        },
    )
    write(folder, "probed_urls.py", URLS)
    write(folder, "probed_backend.py", SILENT)
    sys.path.insert(0, str(folder))
    django.setup()
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    call_command("migrate", verbosity=0)
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        return tell("original", ask_all(Original(server.server_port), is_ours=False))
    finally:
        server.shutdown()


URLS = '''
from django.urls import include, path

urlpatterns = [path("api/", include("phone_verify.urls"))]
'''

SILENT = '''
from phone_verify.backends.base import BaseBackend


class Silent(BaseBackend):
    """Sends nothing: codes are read from the table."""

    def __init__(self, **options):
        super().__init__(**options)
        self.exception_class = RuntimeError

    def send_sms(self, number, message):
        pass

    def send_bulk_sms(self, numbers, message):
        pass
'''


def write(folder, name, text):
    pathlib.Path(folder, name).write_text(text, encoding="utf-8")


def run_ours(folder, binary):
    port = free_port()
    write(folder, "otpost.toml", CONFIG.format(port=port))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTPOST_")}
    with subprocess.Popen([binary], cwd=folder, env=environment, stdout=subprocess.DEVNULL) as service:
        try:
            wait_for(port)
            return tell("ours", ask_all(Ours(port), is_ours=True))
        finally:
            service.terminate()


def wait_for(port):
    """Until it is ready: it listens before its database has its tables."""
    until = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("otpost did not start")


def install(folder):
    """The original in a virtual environment; its Python."""
    python = pathlib.Path(folder, "bin", "python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--otpost", default="target/debug/otpost", help="the binary")
    parser.add_argument("--venv", help="a folder for the virtual environment, kept for the next time")
    parser.add_argument("--only", choices=["original", "ours"], help="ask one of the two")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.inside:
            return run_original(folder)
        status = 0
        if options.only != "ours":
            python = install(options.venv or f"{folder}/venv")
            status |= subprocess.run([python, __file__, "--inside"], check=False).returncode
        if options.only != "original":
            status |= run_ours(folder, str(pathlib.Path(options.otpost).resolve()))
        return status


if __name__ == "__main__":
    sys.exit(main())
