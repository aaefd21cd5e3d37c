"""Attacks verify_and_register.py: accounts without a code, for another's phone, or several from one code.

Exit code 0 if every attempt was refused for the right reason.
"""

import stage


def tries(app, browser, inbox, attack):
    mallory, ann = browser(), browser()
    his, hers = stage.number(), stage.number()
    form = {"username": "mallory", "email": "m@example.org", "password": "correct horse"}

    attack.refused(
        "registers with no phone at all", mallory.post("verify_and_register", session_token="", code="", **form),
        400, "Invalid session",
    )
    hers_token = stage.done(ann.post("register_phone", phone=hers))["session_token"]
    his_token = stage.done(mallory.post("register_phone", phone=his))["session_token"]
    code = inbox.code(his)
    attack.refused(
        "gives his code for her token",
        mallory.post("verify_and_register", session_token=hers_token, code=code, **form),
        404, "verification_not_found",
    )
    attack.refused(
        "gives his proof in her visit", ann.post("verify_and_register", session_token=his_token, code=code, **form),
        404, "verification_not_found",
    )
    attack.refused(
        "names her phone in the form",
        mallory.post("verify_and_register", session_token=his_token, code=code, phone=hers, **form),
        400, "There is no field phone",
    )
    attack.refused(
        "guesses", mallory.post("verify_and_register", session_token=his_token, code=stage.wrong(code), **form),
        422, "code_incorrect",
    )
    answers = stage.at_once(8, lambda place: mallory.post(
        "verify_and_register", session_token=his_token, code=code, **form | {"username": f"m{place}"}
    ))
    made = app.sql("SELECT phone FROM users")
    attack.holds("makes eight accounts of one code at once", len(made) == 1, f"{len(made)} account")
    attack.holds("has another phone than his in one", [user["phone"] for user in made] == [his])
    told = {answer.body.get("code") or answer.body["error"] for answer in answers if answer.status != 200}
    attack.holds(
        "is told something else than that it was used", told <= {"already_verified", "Invalid session"},
        ", ".join(sorted(told)),
    )

    # Whoever proves a phone that has an account gets no second one.
    app.sql(
        "INSERT INTO users (username, email, password, phone) VALUES ('bob', 'b@example.org', 'x', ?)",
        bobs := stage.number(),
    )
    twice = browser()
    token = stage.done(twice.post("register_phone", phone=f"+1 {bobs[2:5]}-{bobs[5:8]}-{bobs[8:]}"))["session_token"]
    attack.refused(
        "makes a second account of a phone, spelled otherwise",
        twice.post("verify_and_register", session_token=token, code=inbox.code(bobs), **form),
        409, "Phone number already in use",
    )


if __name__ == "__main__":
    stage.attack("verify_and_register", tries, __doc__)
