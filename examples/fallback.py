"""Two providers: what the first cannot deliver goes to the second, with the same digits.

    OTPOST_CONFIG=examples/fallback.toml otpost
    python3 examples/fallback.py

There is nothing to write for it: the chain stands in the configuration. This program plays both gateways.
"""

import re

import gateway
import stage
from otpost import Otpost

PORTS = [
    ("--first", {"type": int, "default": 9101, "help": "the port of the first gateway (9101)"}),
    ("--second", {"type": int, "default": 9102, "help": "the port of the second (9102)"}),
]


class Gateways:
    """Both, and what each was asked to send."""

    def __init__(self, given):
        self.first, self.second = gateway.Gateway(given.first), Second(given.second)

    def mood(self, first, second=gateway.WORKS):
        self.first.mood, self.second.mood = first, second


class Second(gateway.Gateway):
    """It writes numbers without their plus."""

    def to(self, number):
        return [request for request in self.heard if request["to"] == number.lstrip("+")]


def digits(text):
    return re.search(r"(?<!\d)\d{6}(?!\d)", text)[0]


def ended(otpost, path, states):
    """What Otpost shows, once it is in one of these states."""
    return stage.until(lambda: shown if (shown := otpost.call("GET", path)).get("status") in states else None)


def course(shown):
    """Which provider said what, in order."""
    attempts = [attempt for message in shown.get("messages", [shown]) for attempt in message["attempts"]]
    return ", ".join(f"{attempt['provider']}: {attempt['outcome']}" for attempt in attempts)


def walk(otpost, both):
    ann, bob, carol = stage.number(), stage.number(), stage.number()
    otpost.create(ann)
    stage.say(f"the first works and is asked alone: {digits(both.first.wait(ann)[0]['text'])}")
    assert both.second.to(ann) == []

    both.mood(gateway.DOWN)
    sent = otpost.create(bob)
    code = digits(both.second.wait(bob)[0]["message"])
    assert code == digits(both.first.to(bob)[0]["text"])
    stage.say(f"the first is down: the second sends the same digits, {code}")
    otpost.check(sent["session_token"], code)
    stage.say(f"what happened is on record: {course(otpost.show(sent['id']))}")

    both.mood(gateway.WANTS_ANOTHER_LOGIN, gateway.WANTS_ANOTHER_LOGIN)
    failed = ended(otpost, f"/v1/verifications/{otpost.create(carol)['id']}", ["failed"])
    stage.say(f"both refuse us, and that is said: {course(failed)}; {failed['failure']}")
    stage.say("fell back, and said so")


if __name__ == "__main__":
    given = stage.arguments(__doc__, PORTS)
    walk(Otpost(), Gateways(given))
