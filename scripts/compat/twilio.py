#!/usr/bin/env python3
"""Runs Twilio's own library for Python against Otpost, changed in nothing but its base URL.

Prints a table of what was asked and what came, and exits with 1 when one row is not as the library's users
expect it. Codes are read from the inbox of the console provider. scripts/compat/twilio.mjs is the same for
the library for Node.

    printf '[compat.twilio]\\nenabled = true\\n[chains]\\nvoice = ["console"]\\n' > otpost.toml
    otpost serve
    export OTPOST_KEY=$(otpost key create --json)
    pip install 'twilio==9.13.*' && python3 scripts/compat/twilio.py
"""

import datetime
import itertools
import json
import os
import random
import re
import sys
import time
import urllib.parse
import urllib.request

# This file has the library's name, and must not stand before it.
sys.path.pop(0)

from twilio.base.exceptions import TwilioRestException  # noqa: E402
from twilio.rest import Client  # noqa: E402

URL = os.environ.get("OTPOST_URL", "http://127.0.0.1:8080")
PATH = os.environ.get("OTPOST_PATH", "/twilio")
MADE = json.loads(os.environ["OTPOST_KEY"])
ACCOUNT = "AC" + "0" * 32
KEY_SID = "SK" + MADE["id"].replace("-", "")
PATIENCE_SECS = 10

rows = []


def client(user, password):
    made = Client(user, password)
    made.verify.base_url = URL + PATH
    return made


def row(what, came, expected):
    good = came == expected
    rows.append((what, came, expected, good))
    return good


def fault(call):
    """Status and number of the error that a call raises."""
    try:
        call()
    except TwilioRestException as error:
        return (error.status, error.code)
    return "no error"


numbers = itertools.count(random.randrange(10_000))


def number():
    """A valid US number, another one each time, that other runs hardly have."""
    return f"+1202555{next(numbers) % 10_000:04}"


def code_of(to, length):
    """What the person reads."""
    address = f"{URL}/inbox.json?to={urllib.parse.quote(to)}"
    until = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < until:
        with urllib.request.urlopen(address) as answer:
            messages = [one for one in json.load(answer) if one["channel"] == "sms"]
        if messages:
            return re.search(rf"(?<!\d)\d{{{length}}}(?!\d)", messages[0]["text"]).group()
        time.sleep(0.05)
    sys.exit("no code came: is it the console provider, on this machine?")


def other_than(code):
    return str((int(code[0]) + 1) % 10) + code[1:]


def verify(service):
    to = number()
    first = service.verifications.create(to=to, channel="sms")
    row("start", (first.status, first.valid, first.to), ("pending", False, to))
    row("start: a date", type(first.date_created), datetime.datetime)
    again = service.verifications.create(to=to, channel="call")
    row("resend: the same", again.sid == first.sid, True)
    row("resend: both are listed", [s["channel"] for s in again.send_code_attempts], ["SMS", "CALL"])
    code = code_of(to, 6)
    for n in range(5):
        wrong = service.verification_checks.create(to=to, code=other_than(code))
        row(f"wrong code {n + 1}", (wrong.status, wrong.valid), ("pending", False))
    sixth = fault(lambda: service.verification_checks.create(to=to, code=code))
    row("sixth code", sixth, (429, 60202))
    row("fetch by number", service.verifications(to).fetch().status, "max_attempts_reached")

    to = number()
    sid = service.verifications.create(to=to, channel="sms").sid
    row("fetch by sid", service.verifications(sid).fetch().status, "pending")
    right = service.verification_checks.create(to=to, code=code_of(to, 6))
    row("right code", (right.status, right.valid, right.sid), ("approved", True, sid))
    row("fetch what is approved", fault(service.verifications(sid).fetch), (404, 20404))
    row("check what is approved", fault(lambda: service.verification_checks.create(to=to, code="1234")), (404, 20404))

    to = number()
    service.verifications.create(to=to, channel="sms")
    row("cancel", service.verifications(to).update(status="canceled").status, "canceled")
    row("cancel again", fault(lambda: service.verifications(to).update(status="canceled")), (404, 20404))
    row("start after that", service.verifications.create(to=to, channel="sms").status, "pending")
    row("approve", service.verifications(to).update(status="approved").status, "approved")

    to = number()
    for _ in range(5):
        service.verifications.create(to=to, channel="sms")
    row("sixth start", fault(lambda: service.verifications.create(to=to, channel="sms")), (429, 60203))


def custom(service):
    refused = fault(lambda: service.verifications.create(to=number(), channel="sms", custom_code="abc123"))
    row("custom code, not switched on", refused, (403, 60204))
    row("update", service.update(custom_code_enabled=True).custom_code_enabled, True)
    to = number()
    service.verifications.create(to=to, channel="sms", custom_code="abc123")
    row("custom code", service.verification_checks.create(to=to, code="abc123").status, "approved")


def limits(service):
    limit = service.rate_limits.create(unique_name="end_user", description="by address")
    bucket = service.rate_limits(limit.sid).buckets.create(max=1, interval=60)
    row("bucket", (bucket.max, bucket.interval), (1, 60))
    counted = {"end_user": "203.0.113.9"}
    service.verifications.create(to=number(), channel="sms", rate_limits=counted)
    refused = fault(lambda: service.verifications.create(to=number(), channel="sms", rate_limits=counted))
    row("second start of a value", refused, (429, 20429))
    row("limits", [found.sid for found in service.rate_limits.list()], [limit.sid])
    row("remove the limit", service.rate_limits(limit.sid).delete(), True)


def settings(here):
    services = here.verify.v2.services
    before = {found.sid for found in services.list()}
    made = [services.create(friendly_name=f"Page {n}", code_length=6) for n in range(3)]
    listed = services.list(page_size=1)
    row("list, one a page", {found.sid for found in listed} - before, {one.sid for one in made})
    page = services.page(page_size=2)
    row("next page", page.next_page() is not None, True)
    back = page.next_page().previous_page()
    row("and back", [one.sid for one in back], [one.sid for one in services.page(page_size=2)])
    for one in made[1:]:
        row("delete", services(one.sid).delete(), True)
    row("fetch what is deleted", fault(services(made[1].sid).fetch), (404, 20404))
    return services(made[0].sid), made[0].sid


def credentials(sid):
    for what, user, password in [
        ("wrong token", ACCOUNT, "wrong"),
        ("foreign account", "AC" + "1" * 32, MADE["key"]),
        ("foreign API key", "SK" + "1" * 32, MADE["key"]),
    ]:
        row(what, fault(client(user, password).verify.v2.services(sid).fetch), (401, 20003))
    of_key = Client(KEY_SID, MADE["key"], ACCOUNT)
    of_key.verify.base_url = URL + PATH
    row("API key", of_key.verify.v2.services(sid).fetch().sid, sid)


def main():
    here = client(ACCOUNT, MADE["key"])
    context, sid = settings(here)
    service = context
    verify(service)
    custom(service)
    limits(service)
    credentials(sid)
    unknown = here.verify.v2.services("VA" + "9" * 32)
    row("unknown service", fault(lambda: unknown.verifications.create(to=number(), channel="sms")), (404, 20404))
    row("no number", fault(lambda: service.verifications.create(to="2025550143", channel="sms")), (400, 60200))
    row("delete", context.delete(), True)
    for what, came, expected, good in rows:
        print(f"{'ok ' if good else 'BAD'}  {what:32}  {came if good else f'{came}, expected {expected}'}")
    bad = sum(not good for *_, good in rows)
    print(f"{len(rows) - bad} of {len(rows)}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
