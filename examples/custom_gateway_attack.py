"""Attacks custom_gateway.py: texts that reach into the program, the request or the code; a code for all numbers.

    OTPOST_CONFIG=examples/custom_gateway.toml otpost

Exit code 0 if every attempt was refused for the right reason.
"""

import gateway
import stage
from custom_gateway import PORT, SANDBOX
from fallback import digits
from otpost import Otpost

TRICKS = ["{code}", "{app.__class__.__mro__}", "{0.__globals__}", "%(code)s%n", "${7*7}{{7*7}}", "{code!r:>999}"]


def tries(otpost, one, attack):
    # What a variable holds is text, wherever it comes to stand.
    for trick in TRICKS:
        otpost.create(ann := stage.number(), "welcome", variables={"name": trick})
        text = one.wait(ann)[0]["text"]
        plain = text == f"Hi {trick}, your Shop code is {digits(text.rpartition('is')[2])}."
        attack.holds(f"puts {trick} into a variable", plain, "it is text")
    trick = 'x", "to": "+12125550199", "text": "'
    otpost.create(ann := stage.number(), "welcome", variables={"name": trick})
    request = one.wait(ann)[0]
    attack.holds("writes another number into the request", set(request) == {"to", "text", "key"}, "it is text")
    for name in ("code", "app", "minutes"):
        answer = stage.asked(otpost.create, stage.number(), "welcome", variables={"name": "x", name: "000000"})
        attack.refused(f"says what {{{name}}} is", answer, 422, "variable_reserved")
    answer = stage.asked(otpost.create, stage.number(), "welcome")
    attack.refused("leaves a variable out", answer, 422, "variable_missing")
    for text in ("{app.__class__} {code}", "{code!r}", "{0} {code}", "{code", "{secret} {code}", "no code at all"):
        answer = stage.asked(
            otpost.call, "PUT", "/v1/templates/welcome/sms/en", {"text": text, "variables": ["name"]}
        )
        attack.refused(f"saves the text {text!r}", answer, 422, "invalid_field")

    # The fixed code is good for one number, and for that one's own session.
    _, code = SANDBOX
    sent = otpost.create(ann := stage.number(), "welcome", variables={"name": "Ann"})
    if digits(one.wait(ann)[0]["text"]) != code:
        answer = stage.asked(otpost.check, sent["session_token"], code)
        attack.refused("uses the code of the test number for another", answer, 422, "code_incorrect")
    number, _ = SANDBOX
    sent = otpost.create(number, "welcome", variables={"name": "x"})
    receipt = otpost.check(sent["session_token"], code)["receipt"]
    attack.refused(
        "takes a test for a proof", stage.asked(otpost.consume, receipt, "welcome"), 422, "receipt_of_test_number",
    )

    one.mood = 200, {"status": "queued, perhaps"}
    sent = otpost.create(bob := stage.number(), "welcome", variables={"name": "Bob"})
    one.wait(bob)
    shown = stage.until(lambda: s if (s := otpost.show(sent["id"]))["messages"][0]["state"] != "sending" else None)
    outcome = shown["messages"][0]["attempts"][0]["outcome"]
    attack.holds("has a 200 with other words counted as sent", outcome == "unknown", outcome)


if __name__ == "__main__":
    given = stage.arguments(__doc__, PORT)
    attempts = stage.Attack()
    tries(Otpost(), gateway.Gateway(given.port), attempts)
    attempts.end()
