"""Attacks phone_change.py: has a number saved that he does not hold, or learns whose numbers are known.

Exit code 0 if every attempt was refused for the right reason.
"""

import stage
import web


def tries(app, browser, inbox, attack):
    his, new, hers = stage.number(), stage.number(), stage.number()
    for name, phone in (("mallory", his), ("ann", hers), ("carol", None)):
        app.sql(
            "INSERT INTO users (username, password, phone) VALUES (?, ?, ?)", name, web.hashed("correct horse"), phone
        )
    nobody, mallory, carol = browser(), browser(), browser()
    attack.refused("changes without a login", nobody.post("request_change", new_phone=new), 401, "Not logged in")
    for who, name in ((mallory, "mallory"), (carol, "carol")):
        stage.done(who.post("login", username=name, password="correct horse"))
    attack.refused(
        "confirms what was never begun", mallory.post("confirm_change", session_token="", code=""),
        400, "Invalid session",
    )

    # He proves a number of his, while the change that waits is about one that is nobody's: the next victim's.
    token = stage.done(mallory.post("request_change", new_phone=new))["session_token"]
    code = inbox.code(new)
    stage.done(mallory.post("request_change", new_phone=(victims := stage.number())))
    attack.refused(
        "proves one number and has another one saved",
        mallory.post("confirm_change", session_token=token, code=code), 404, "verification_not_found",
    )
    attack.holds("has the other number saved", phone_of(app, "mallory") == his, "the old one stays")
    stage.done(carol.post("request_change", new_phone=(carols := stage.number())))
    attack.refused(
        "gives his proof for the change of another account",
        carol.post("confirm_change", session_token=token, code=code), 404, "verification_not_found",
    )
    attack.holds("has his number on her account", phone_of(app, "carol") is None)

    # Is her number known here? The same answer as for one that is not.
    known = mallory.post("request_change", new_phone=hers)
    attack.holds(
        "sees whether a number has an account",
        known.status == 200 and known.body["message"] == "Verification code sent to new number", "told to its holder",
    )
    attack.refused(
        "takes a number that has an account, holding it",
        mallory.post("confirm_change", session_token=known.body["session_token"], code=inbox.code(hers)),
        400, "Phone number already in use",
    )
    attack.holds("has taken it from her", phone_of(app, "ann") == hers and phone_of(app, "mallory") == his)

    # Guesses, all at the same moment.
    token = stage.done(carol.post("request_change", new_phone=(last := stage.number())))["session_token"]
    code = inbox.code(last)
    answers = stage.at_once(
        40, lambda place: carol.post("confirm_change", session_token=token, code=stage.wrong(code, place))
    )
    told = [answer.body.get("code") for answer in answers]
    attack.holds(
        "guesses forty times at once", told.count("code_incorrect") == 3 and told.count("verification_locked") == 37,
        f"{told.count('code_incorrect')} were compared",
    )
    attack.refused(
        "then guesses right", carol.post("confirm_change", session_token=token, code=code), 423, "verification_locked",
    )
    attack.holds("has changed any number", {phone_of(app, name) for name in ("mallory", "carol")} == {his, None})


def phone_of(app, username):
    return app.row("SELECT phone FROM users WHERE username = ?", username)["phone"]


if __name__ == "__main__":
    stage.attack("phone_change", tries, __doc__)
