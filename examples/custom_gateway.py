"""A provider of your own, in the configuration: a gateway that takes HTTP requests needs no code here.

    OTPOST_CONFIG=examples/custom_gateway.toml otpost
    python3 examples/custom_gateway.py

This program plays the gateway.
"""

import gateway
import stage
from fallback import digits, ended
from otpost import Otpost

PORT = [("--port", {"type": int, "default": 9103, "help": "the port of the gateway (9103)"})]
SANDBOX = "+15550001111", "246810"


def walk(otpost, one):
    ann, bob = stage.number(), stage.number()
    sent = otpost.create(ann, "welcome", variables={"name": "Ann"})
    text = one.wait(ann)[0]["text"]
    stage.say(f"the gateway is asked to send: {text}")
    otpost.check(sent["session_token"], digits(text))
    stage.say("the code is right")

    one.mood = gateway.KNOWS_NO_SUCH_NUMBER
    sent = otpost.create(bob, "welcome", variables={"name": "Bob"})
    failed = ended(otpost, f"/v1/verifications/{sent['id']}", ["failed"])
    stage.say(f"it answers 200 and means no: {failed['failure']}")

    number, code = SANDBOX
    sent = otpost.create(number, "welcome", variables={"name": "Reviewer"})
    receipt = otpost.check(sent["session_token"], code)["receipt"]
    assert one.to(number) == []
    told = stage.asked(otpost.consume, receipt, "welcome")
    stage.say(f"the test number needs no text, and its receipt is not taken for real: {told.body['code']}")
    otpost.call("POST", "/v1/receipts/consume", {"receipt": receipt, "purpose": "welcome", "allow_test": True})
    stage.say("unless that is asked for")
    stage.say("sent through a gateway of our own")


if __name__ == "__main__":
    given = stage.arguments(__doc__, PORT)
    walk(Otpost(), gateway.Gateway(given.port))
