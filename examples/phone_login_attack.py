"""Attacks phone_login.py: logs in as somebody whose phone he does not hold.

Exit code 0 if every attempt was refused for the right reason.
"""

import stage


def tries(app, browser, inbox, attack):
    mallory = browser()
    his, hers = stage.number(), stage.number()
    app.sql("INSERT INTO users (username, phone) VALUES ('ann', ?)", hers)

    attack.refused(
        "posts her number and nothing else", mallory.post("confirm", phone=hers), 400, "There is no field phone",
    )
    attack.refused(
        "confirms what was never begun", mallory.post("confirm", session_token="", code=""), 400, "Invalid session",
    )
    his_token = stage.done(mallory.post("login", phone=his))["session_token"]
    code = inbox.code(his)
    # Now the session is about her phone, while he has the code of his own.
    hers_token = stage.done(mallory.post("login", phone=hers))["session_token"]
    attack.refused(
        "gives the code of his phone for her login", mallory.post("confirm", session_token=his_token, code=code),
        404, "verification_not_found",
    )
    guess = stage.wrong(inbox.code(hers))
    attack.refused(
        "gives a code for her token", mallory.post("confirm", session_token=hers_token, code=guess),
        422, "code_incorrect",
    )
    attack.refused("is somebody by now", mallory.post("who_am_i"), 401, "Not logged in")

    # Two people prove one new number at the same moment: one account.
    third, many = stage.number(), browser()
    token = stage.done(many.post("login", phone=third))["session_token"]
    code = inbox.code(third)
    answers = stage.at_once(8, lambda _: many.post("confirm", session_token=token, code=code))
    made = app.sql("SELECT id FROM users WHERE phone = ?", third)
    attack.holds("makes eight accounts of one phone at once", len(made) == 1, f"{len(made)} account")
    logins = sum(answer.status == 200 for answer in answers)
    attack.holds("logs in eight times with one code", logins == 1, f"{logins} login")


if __name__ == "__main__":
    stage.attack("phone_login", tries, __doc__)
