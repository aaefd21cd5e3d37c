"""Tries what fallbacks usually get wrong: texts sent twice, people gone round, failures taken for successes.

    OTPOST_CONFIG=examples/fallback.toml otpost

Exit code 0 if none of it happens.
"""

import gateway
import stage
from fallback import PORTS, Gateways, course, digits, ended
from otpost import Otpost


def tries(otpost, both, attack):
    # A number that does not exist exists with no other provider.
    both.mood(gateway.KNOWS_NO_SUCH_NUMBER)
    shown = ended(otpost, verification(otpost.create(nobody := stage.number())), ["failed"])
    attack.holds("has a wrong number paid for twice", both.second.to(nobody) == [], course(shown))
    attack.holds("has an error inside of a 200 count as sent", len(both.first.to(nobody)) == 1, shown["failure"])

    both.mood(gateway.HAS_HIM_OPTED_OUT)
    shown = ended(otpost, verification(otpost.create(gone := stage.number())), ["failed"])
    attack.holds("goes round somebody who opted out", both.second.to(gone) == [], course(shown))

    # It took the text and hung up: it may have been sent.
    both.mood(gateway.HANGS_UP)
    sent = otpost.create(ann := stage.number())
    code = digits(both.second.wait(ann)[0]["message"])
    attack.holds("has a second code sent", digits(both.first.to(ann)[0]["text"]) == code, f"{code} both times")
    attack.refused(
        "guesses", stage.asked(otpost.check, sent["session_token"], stage.wrong(code)), 422, "code_incorrect",
    )
    otpost.check(sent["session_token"], code)
    attack.refused(
        "uses the code of both texts", stage.asked(otpost.check, sent["session_token"], code),
        409, "already_verified",
    )
    attack.holds(
        "has more than one text too many sent", (len(both.first.to(ann)), len(both.second.to(ann))) == (1, 1),
        course(otpost.show(sent["id"])),
    )

    # What is no code may not come twice at all.
    message = f"/v1/messages/{otpost.message(bob := stage.number(), 'Your parcel is here.')['id']}"
    shown = stage.until(
        lambda: found if (found := otpost.call("GET", message))["state"] not in ("queued", "sending") else None
    )
    attack.holds("has a text sent twice", shown["state"] == "unknown" and both.second.to(bob) == [], shown["state"])

    # The second answers 200 and says no in words that nobody listed: not a success, and not sent again.
    both.mood(gateway.DOWN, (200, {"status": "throttled maybe"}))
    message = f"/v1/messages/{otpost.message(carol := stage.number(), 'Your parcel is here.')['id']}"
    shown = stage.until(
        lambda: found if (found := otpost.call("GET", message))["state"] not in ("queued", "sending") else None
    )
    attack.holds("has a no that nobody knows taken for a yes", shown["state"] == "unknown", course(shown))
    attack.holds("has it sent again", len(both.second.to(carol)) == 1)


def verification(created):
    return f"/v1/verifications/{created['id']}"


if __name__ == "__main__":
    given = stage.arguments(__doc__, PORTS)
    attempts = stage.Attack()
    tries(Otpost(), Gateways(given), attempts)
    attempts.end()
