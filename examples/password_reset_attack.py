"""Attacks password_reset.py: takes an account over, or finds out who has one.

Exit code 0 if every attempt was refused for the right reason.
"""

import re

import stage
import web


def tries(app, browser, inbox, attack):
    his, hers, nobodys = stage.number(), stage.number(), stage.number()
    for name, phone in (("mallory", his), ("ann", hers)):
        app.sql("INSERT INTO users (username, password, phone) VALUES (?, ?, ?)", name, web.hashed("original"), phone)
    mallory = browser()
    new = {"new_password": "taken over"}

    attack.refused(
        "begins with the second step", mallory.post("verify_and_reset", session_token="", code="", **new),
        400, "Invalid session",
    )
    # His own reset gives him a token and a code; then the session is about her account.
    token = stage.done(mallory.post("request_reset", phone=his))["session_token"]
    code = inbox.code(his)
    hers_answer = mallory.post("request_reset", phone=hers)
    attack.refused(
        "gives the proof of his own phone for her account",
        mallory.post("verify_and_reset", session_token=token, code=code, **new), 404, "verification_not_found",
    )
    ann = app.row("SELECT password FROM users WHERE username = 'ann'")
    attack.holds("has set her password", web.password_is("original", ann["password"]))

    # Who has an account? The same questions about hers and about one that nobody has.
    stranger = browser()
    nobodys_answer = stranger.post("request_reset", phone=nobodys)
    attack.holds(
        "sees it in the answer", looks(hers_answer) == looks(nobodys_answer) and hers_answer.status == 200,
        looks(hers_answer)[2],
    )
    hers_token, nobodys_token = hers_answer.body["session_token"], nobodys_answer.body["session_token"]
    right = inbox.code(hers)
    short = [
        who.post("verify_and_reset", session_token=token, code=right, new_password="short")
        for who, token in ((mallory, hers_token), (stranger, nobodys_token))
    ]
    attack.holds("sees it in what a short password is told", short[0] == short[1], short[0].body["error"])
    for place in range(5):
        guess = stage.wrong(right, place)
        of_hers = mallory.post("verify_and_reset", session_token=hers_token, code=guess, **new)
        of_nobodys = stranger.post("verify_and_reset", session_token=nobodys_token, code=guess, **new)
        attack.holds(
            f"sees it in what guess {place + 1} is told", of_hers == of_nobodys and of_hers.status in (422, 423),
            f"{of_hers.status} {of_hers.body.get('code')}",
        )
    again = [who.post("request_reset", phone=phone) for who, phone in ((mallory, hers), (stranger, nobodys))]
    attack.holds(
        "sees it by asking again", looks(again[0]) == looks(again[1]) and again[0].status == 429,
        f"{again[0].status} {again[0].body.get('code')}",
    )
    attack.holds("has a text sent to a number without an account", inbox.texts(nobodys) == [])

    # And the plain way.
    victim = stage.number()
    app.sql("INSERT INTO users (username, password, phone) VALUES ('bob', ?, ?)", web.hashed("original"), victim)
    token = stage.done(mallory.post("request_reset", phone=victim))["session_token"]
    code = inbox.code(victim)
    answers = stage.at_once(
        40,
        lambda place: mallory.post("verify_and_reset", session_token=token, code=stage.wrong(code, place), **new),
    )
    told = [answer.body.get("code") for answer in answers]
    attack.holds(
        "guesses forty times at once", told.count("code_incorrect") == 3 and told.count("verification_locked") == 37,
        f"{told.count('code_incorrect')} were compared",
    )
    attack.refused(
        "then guesses right", mallory.post("verify_and_reset", session_token=token, code=code, **new),
        423, "verification_locked",
    )
    kept = [web.password_is("original", user["password"]) for user in app.sql("SELECT password FROM users")]
    attack.holds("has changed any password", all(kept))


def looks(answer):
    """The shape of an answer: its status, its fields, and each text with its letters and digits hidden."""
    hidden = {name: re.sub(r"[A-Za-z0-9_-]", "x", str(value)) for name, value in answer.body.items()}
    return answer.status, sorted(hidden), ", ".join(f"{name} of {len(text)}" for name, text in hidden.items())


if __name__ == "__main__":
    stage.attack("password_reset", tries, __doc__)
