"""Attacks tenants.py: one tenant reaches into another one, or into the program.

    OTPOST_CONFIG=examples/tenants.toml otpost

Run as tenants.py. Exit code 0 if every attempt was refused for the right reason.
"""

import gateway
import stage
from tenants import PORT, both, digits


def tries(one, attack):
    acme, bolt = both()
    evil, phone = acme.otpost, stage.number()
    sent = bolt.send_code(phone, "user-1")
    token, code = sent["session_token"], digits(one.wait(phone)[0]["text"])

    attack.refused(
        "checks a code of the other's", stage.asked(evil.check, token, code, subject="user-1"),
        404, "verification_not_found",
    )
    attack.refused("looks at it", stage.asked(evil.show, sent["id"]), 404, "verification_not_found")
    attack.refused("sends it again", stage.asked(evil.resend, sent["id"]), 404, "verification_not_found")
    answer = stage.asked(evil.call, "POST", f"/v1/verifications/{sent['id']}/cancel", {})
    attack.refused("cancels it", answer, 404, "verification_not_found")
    receipt = bolt.otpost.check(token, code, subject="user-1")["receipt"]
    attack.refused(
        "uses a receipt of the other's", stage.asked(evil.consume, receipt, "default", "user-1"),
        422, "receipt_not_valid",
    )

    # The same phone and subject, proven to one, is not proven to the other.
    own = acme.send_code(phone, "user-1")
    proof = evil.check(own["session_token"], digits(one.wait(phone, 2)[-1]["text"]), subject="user-1")["receipt"]
    attack.refused(
        "has a proof of its own count there", stage.asked(bolt.otpost.consume, proof, "default", "user-1"),
        422, "receipt_not_valid",
    )

    # Texts and policies.
    for text in ("{app.__class__.__init__.__globals__} {code}", "{code.__class__}", "{0} {code}", "{secrets} {code}"):
        answer = stage.asked(evil.call, "PUT", "/v1/templates/default/sms/en", {"text": text})
        attack.refused(f"saves the text {text!r}", answer, 422, "invalid_field")
    for name in ("app", "code"):
        answer = stage.asked(evil.create, stage.number(), variables={name: "000000"})
        attack.refused(f"says what {{{name}}} is", answer, 422, "variable_reserved")
    for change in ({"code_length": 4}, {"lifetime_secs": 86_400}, {"guesses": 1_000}, {"countries": ["KP"]}):
        answer = stage.asked(evil.call, "PUT", "/v1/policies/default", {"changes": change})
        attack.refused(f"sets {change}", answer, 422, "invalid_field")
    theirs = bolt.otpost.call("GET", "/v1/policies/default")["policy"]
    attack.holds("has changed the other's policy", (theirs["code_length"], theirs["lifetime_secs"]) == (8, 120))
    texts = str(evil.call("GET", "/v1/templates"))
    attack.holds("reads the other's texts", "Bolt" not in texts and "Acme" in texts)

    # Keeping somebody back for oneself keeps nobody back for others.
    evil.call("POST", "/v1/suppressions", {"to": (victim := stage.number()), "scope": "all"}, "k")
    bolt.send_code(victim, "user-2")
    request = one.wait(victim)[0]
    attack.holds("has the other's people kept back", request["account"] == "that of bolt", request["account"])
    attack.holds("sends in the other's name", all(r["from"] != "Acme" or "Acme" in r["text"] for r in one.heard))


if __name__ == "__main__":
    given = stage.arguments(__doc__, PORT)
    attempts = stage.Attack()
    tries(gateway.Gateway(given.port), attempts)
    attempts.end()
