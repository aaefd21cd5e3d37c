"""Attacks registration.py: accounts with a phone that was not proven, or two from one proof.

Exit code 0 if every attempt was refused for the right reason.
"""

import stage

PURPOSE = "registration"


def tries(app, browser, inbox, attack):
    otpost = app.otpost
    mallory, ann = browser(), browser()
    his, hers = stage.number(), stage.number()
    form = {"username": "mallory", "password": "correct horse"}

    attack.refused("registers without any proof", mallory.post("register", receipt="", **form), 400, "Invalid session")
    sent = stage.done(mallory.post("send_code", phone=his))
    code = inbox.code(his)
    attack.refused(
        "registers with a receipt that he made up", mallory.post("register", receipt="A" * 64, **form),
        422, "receipt_not_valid",
    )
    proof = {"session_token": sent["session_token"], "code": code}
    stage.done(ann.post("send_code", phone=hers))
    attack.refused(
        "proves his phone in the visit that is about hers", ann.post("check_code", **proof),
        404, "verification_not_found",
    )
    receipt = stage.done(mallory.post("check_code", **proof))["receipt"]
    attack.refused("has one code count twice", mallory.post("check_code", **proof), 409, "already_verified")
    attack.refused(
        "uses his receipt in the visit that is about her phone", ann.post("register", receipt=receipt, **form),
        422, "receipt_not_valid",
    )
    attack.refused(
        "names her phone in the form", mallory.post("register", receipt=receipt, phone=hers, **form),
        400, "There is no field phone",
    )
    visit = next(s["proving"]["visit"] for s in app._sessions.values() if s.get("proving", {}).get("phone") == his)
    attack.refused(
        "takes it for a password reset", stage.asked(otpost.consume, receipt, "password_reset", visit),
        422, "receipt_not_valid",
    )
    attack.refused(
        "takes it for somebody else", stage.asked(otpost.consume, receipt, PURPOSE, "user-1"),
        422, "receipt_not_valid",
    )
    attack.refused(
        "takes it for nobody in particular", stage.asked(otpost.consume, receipt, PURPOSE), 422, "receipt_not_valid",
    )
    answers = stage.at_once(
        8, lambda place: mallory.post("register", username=f"m{place}", password="correct horse", receipt=receipt)
    )
    made = app.sql("SELECT phone FROM users")
    attack.holds("makes eight accounts of one receipt at once", len(made) == 1, f"{len(made)} account")
    attack.holds("has another phone than his in one", [user["phone"] for user in made] == [his])
    refused = [answer for answer in answers if answer.status != 200]
    spent = {answer.body.get("code") or answer.body["error"] for answer in refused}
    attack.holds(
        "is told something else than that it was used", spent <= {"receipt_already_consumed", "Invalid session"},
        ", ".join(sorted(spent)),
    )

    # The same phone once more, in another spelling, in a visit of its own.
    other, spelled = browser(), f"+1 ({his[2:5]}) {his[5:8]}-{his[8:]}"
    again = other.post("send_code", phone=spelled)
    attack.refused("asks for another code to a phone at once", again, 429, "rate_limited")

    # Guesses, all at the same moment.
    sent = stage.done(other.post("send_code", phone=(third := stage.number())))
    code, token = inbox.code(third), sent["session_token"]
    answers = stage.at_once(
        40, lambda place: other.post("check_code", session_token=token, code=stage.wrong(code, place))
    )
    told = [answer.body["code"] for answer in answers]
    attack.holds(
        "guesses forty times at once", told.count("code_incorrect") == 5 and told.count("verification_locked") == 35,
        f"{told.count('code_incorrect')} were compared",
    )
    attack.refused(
        "then guesses right", other.post("check_code", session_token=token, code=code), 423, "verification_locked",
    )


if __name__ == "__main__":
    stage.attack("registration", tries, __doc__)
