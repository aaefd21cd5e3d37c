"""Runs the examples: their arguments, the people's phones, and the count of what an attack tried."""

import argparse
import importlib.util
import itertools
import json
import os
import re
import sys
import threading
import time
import urllib.parse
import uuid

import web
from otpost import Otpost, Refused

AREAS = """201 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240
248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317
318 319 320 321 323 325 330 334 336 337 347 351 352 360 361 385 386 401 402 404 405 406 407 408 409 410 412 413
414 415 417 419 423 424 425 430 432 434 435 440 443 458 469 470 475 478 479""".split()

# A number gets one code in 30 seconds, so each run takes others: the clock says where they begin.
_next = itertools.count(int(time.time() * 100))


def number():
    """A phone number that nobody has: 555-0100 to 555-0199 are kept for fiction in every area."""
    n = next(_next) % (100 * len(AREAS))
    return f"+1{AREAS[n // 100]}55501{n % 100:02}"


def address():
    """An e-mail address that nobody has (RFC 2606)."""
    return f"ann{next(_next)}@example.org"


class Inbox:
    """What arrives on people's phones: with the key of a sandbox tenant in its inbox, else in the console's."""

    def __init__(self, otpost):
        self.otpost = otpost

    def texts(self, to):
        """All of them, the newest first."""
        if self.otpost.key.startswith("otp_sandbox_"):
            messages = self.otpost.call("GET", f"/v1/inbox?to={urllib.parse.quote(to)}")["messages"]
        else:
            messages = self.otpost.call("GET", f"/inbox.json?to={urllib.parse.quote(to)}")
        return [message["text"] for message in messages]

    def text(self, to, so_far=0):
        """The newest text, once there are more than so far."""
        return until(lambda: texts[0] if len(texts := self.texts(to)) > so_far else None, f"a text to {to}")

    def code(self, to, so_far=0):
        return re.search(r"(?<!\d)\d{4,10}(?!\d)", self.text(to, so_far))[0]


_start = "otpost"


def stopped(why):
    """The end of a program: what went wrong, and how the service is started, if the program wants one of its own."""
    return SystemExit(why if _start == "otpost" else f"{why}\nstart the service with `{_start}`")


def say(text):
    print(text, flush=True)


def done(answer, status=200):
    """What was asked for has been done: its body."""
    if answer.status != status:
        raise stopped(f"expected {status}, but it is {answer.status}: {answer.body}")
    return answer.body


def asked(call, *args, **fields):
    """What Otpost itself answers."""
    try:
        return web.Answer(200, call(*args, **fields))
    except Refused as no:
        return web.Answer(no.status, {"error": str(no), "code": no.code, **no.problem})


def at_once(count, call):
    """The same call `count` times at the same moment, each with its place; all answers."""
    ready, answers = threading.Barrier(count), [None] * count

    def one(place):
        ready.wait()
        answers[place] = call(place)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def wrong(code, place=0):
    """Another code of the same length, for each place another one."""
    return str((int(code) + 1 + place) % 10 ** len(code)).zfill(len(code))


class Attack:
    """Counts what was tried, and says of each attempt what came of it."""

    def __init__(self):
        self.made = self.undone = 0

    def refused(self, what, answer, status, reason):
        """`reason` is Otpost's error code, or the app's own sentence."""
        told = answer.body.get("code") or answer.body.get("error")
        self._say(what, answer.status == status and told == reason, f"{answer.status} {told or answer.body}")

    def holds(self, what, truth, told=""):
        """Something that must be so after an attempt."""
        self._say(what, truth, told)

    def _say(self, what, good, told):
        self.made += 1
        self.undone += not good
        say(f"{'refused' if good else 'NOT REFUSED'}: {what}{f' ({told})' if told else ''}")

    def end(self):
        if self.undone:
            say(f"{self.undone} of {self.made} attempts were not refused as they should be")
            sys.exit(1)
        say(f"{self.made} attempts, all refused")


def until(found, what="more"):
    """What `found` gives, once that is something."""
    give_up = time.monotonic() + 15
    while (it := found()) is None:
        if time.monotonic() > give_up:
            raise stopped(f"{what} did not come")
        time.sleep(0.02)
    return it


def look(otpost):
    """Ends the program where nothing answers, or does not know the key."""
    try:
        otpost.call("GET", f"/v1/verifications/{uuid.UUID(int=0)}")
    except Refused as no:
        if no.status == 401:
            raise SystemExit(f"OTPOST_KEY is no key of {otpost.url}: `otpost key create` makes one") from None
        if not no.problem.get("type"):
            raise SystemExit(
                f"nothing answers at OTPOST_URL={otpost.url} as Otpost does: start the service with `{_start}`"
            ) from None


def _without_trace(kind, error, trace):
    """A refusal that no program expects has its reason in its sentence, most often another configuration."""
    if issubclass(kind, Refused):
        print(stopped(str(error)), file=sys.stderr)
        return
    sys.__excepthook__(kind, error, trace)
    if _start != "otpost" and issubclass(kind, Exception):
        print(f"if this is another service, start it with `{_start}`", file=sys.stderr)


def arguments(description, more=()):
    """Reads them, and looks at the service before anything is tried."""
    global _start
    own = re.search(r"^ +(OTPOST_\S+=.* otpost)$", description, re.MULTILINE)
    _start = own[1] if own else _start
    sys.excepthook = _without_trace
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="OTPOST_URL (http://127.0.0.1:8080 if unset) and OTPOST_KEY say where Otpost is.",
    )
    for flag, fields in more:
        parser.add_argument(flag, **fields)
    given = parser.parse_args()
    if not os.environ.get("OTPOST_KEY"):
        parser.error("OTPOST_KEY is not set: the first start of otpost prints it, `otpost key create` makes another")
    look(Otpost())
    return given


def play(app_class, walk, description):
    """Serves the app and walks through it as a person would; with --serve, for you to walk."""
    serve = ("--serve", {"type": int, "metavar": "PORT", "help": "serve the app there until Ctrl-C"})
    given = arguments(description, [serve])
    app = app_class(Otpost())
    listens = app.listen(given.serve or 0)
    if given.serve:
        say(f"POST JSON to http://{listens}/{{{','.join(app.actions)}}}")
        threading.Event().wait()
    walk(app, lambda: web.Browser(listens), Inbox(app.otpost))


def attack(name, tries, description):
    """Attacks the app of examples/NAME.py, or that of another file."""
    other = ("--app", {"metavar": "FILE", "help": f"attack the App of this file instead of {name}.py"})
    given = arguments(description, [other])
    path = given.app or os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = module.App(Otpost())
    listens = app.listen()
    attempts = Attack()
    tries(app, lambda: web.Browser(listens), Inbox(app.otpost), attempts)
    attempts.end()
