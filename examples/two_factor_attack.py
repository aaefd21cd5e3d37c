"""Attacks two_factor.py: logs in as somebody whose password he knows and whose phone he does not hold.

Exit code 0 if every attempt was refused for the right reason.
"""

import stage
import web

PASSWORD = "correct horse"


def tries(app, browser, inbox, attack):
    his, hers = stage.number(), stage.number()
    for name, phone in (("mallory", his), ("ann", hers), ("bob", None)):
        app.sql(
            "INSERT INTO users (username, password, phone) VALUES (?, ?, ?)", name, web.hashed(PASSWORD), phone
        )
    mallory, as_ann = browser(), browser()

    attack.refused(
        "begins with the second step", as_ann.post("login_step2", session_token="", code=""), 400, "Invalid session",
    )
    attack.refused(
        "asks whether there is a carol",
        as_ann.post("login_step1", username="carol", password=PASSWORD), 401, "Invalid credentials",
    )
    attack.refused(
        "asks whether bob has a phone", as_ann.post("login_step1", username="bob", password="guess"),
        401, "Invalid credentials",
    )

    # He logs in as himself, and has a token and a code that are good: for his own login.
    token = stage.done(mallory.post("login_step1", username="mallory", password=PASSWORD))["session_token"]
    code = inbox.code(his)
    sent = stage.done(as_ann.post("login_step1", username="ann", password=PASSWORD))
    attack.refused(
        "gives the proof of his own phone for her login",
        as_ann.post("login_step2", session_token=token, code=code), 404, "verification_not_found",
    )
    attack.holds("has a token of hers", not tokens_of(app, "ann"))
    attack.holds("reads her number in the answer", hers not in str(sent), sent["phone_number"])
    attack.refused(
        "has his code count for her token",
        as_ann.post("login_step2", session_token=sent["session_token"], code=other_than(code, inbox.code(hers))),
        422, "code_incorrect",
    )

    # A purpose and a subject make a receipt good for one thing.
    proof = app.otpost.create(stage.number(), "registration", subject="visit-1")
    attack.refused(
        "brings a token of the registration form",
        as_ann.post("login_step2", session_token=proof["session_token"], code=code), 404, "verification_not_found",
    )

    # What is left are guesses, all at the same moment. Two are left of three.
    code, token = inbox.code(hers), sent["session_token"]
    answers = stage.at_once(
        40, lambda place: as_ann.post("login_step2", session_token=token, code=stage.wrong(code, place))
    )
    told = [answer.body.get("code") for answer in answers]
    attack.holds(
        "guesses forty times at once", told.count("code_incorrect") == 2 and told.count("verification_locked") == 38,
        f"{told.count('code_incorrect')} more were compared",
    )
    attack.refused(
        "then guesses right", as_ann.post("login_step2", session_token=token, code=code), 423, "verification_locked",
    )
    attack.refused(
        "asks for another code and new guesses",
        as_ann.post("login_step1", username="ann", password=PASSWORD), 429, "rate_limited",
    )
    attack.holds("is ann by now", not tokens_of(app, "ann"))


def tokens_of(app, username):
    return app.sql("SELECT token FROM tokens JOIN users ON id = user_id WHERE username = ?", username)


def other_than(code, right):
    return code if code != right else stage.wrong(right)


if __name__ == "__main__":
    stage.attack("two_factor", tries, __doc__)
