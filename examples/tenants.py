"""Several tenants on one Otpost: each with its own sender, text, length and lifetime of codes.

    OTPOST_CONFIG=examples/tenants.toml otpost
    for name in acme bolt; do otpost tenant create $name; otpost key create --tenant $name; done
    OTPOST_KEY=(that of acme) OTPOST_OTHER_KEY=(that of bolt) python3 examples/tenants.py

The API key says which tenant it is. Sender and account stand in the configuration, the rest
each sets for itself. This program plays the gateway.
"""

import datetime
import os
import re

import gateway
import stage
from otpost import Otpost

PORT = [("--port", {"type": int, "default": 9104, "help": "the port of the gateway (9104)"})]


class Tenant:
    def __init__(self, name, otpost, text, code_length, lifetime_secs):
        self.name = name
        self.otpost = otpost
        policy = {"code_length": code_length, "lifetime_secs": lifetime_secs}
        otpost.call("PUT", "/v1/policies/default", {"changes": policy})
        otpost.call("PUT", "/v1/templates/default/sms/en", {"text": text})

    def send_code(self, phone, subject):
        return self.otpost.create(phone, subject=subject)


def both():
    other = os.environ.get("OTPOST_OTHER_KEY")
    if not other:
        raise SystemExit("OTPOST_OTHER_KEY is not set: the key of another tenant")
    return (
        Tenant("acme", Otpost(), "Your Acme code is {code}.", 6, 600),
        Tenant("bolt", Otpost(key=other), "{code} opens Bolt, for {minutes} minutes.", 8, 120),
    )


def digits(text):
    return re.search(r"\d{6,8}", text)[0]


def lives(sent):
    """Seconds, rounded to ten."""
    left = datetime.datetime.fromisoformat(sent["expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
    return round(left.total_seconds(), -1)


def walk(one):
    ann, told = stage.number(), []
    for tenant in both():
        sent = tenant.send_code(ann, "user-1")
        request = one.wait(ann, len(told) + 1)[-1]
        told.append((request["account"], request["from"], len(digits(request["text"])), lives(sent)))
        stage.say(f"{tenant.name}, by {request['account']}, from {request['from']}: {request['text']}")
        tenant.otpost.check(sent["session_token"], digits(request["text"]), subject="user-1")
    assert told == [("that of acme", "Acme", 6, 600), ("that of bolt", "+12025550100", 8, 120)], told
    stage.say("two tenants, each in its own name")


if __name__ == "__main__":
    given = stage.arguments(__doc__, PORT)
    walk(gateway.Gateway(given.port))
