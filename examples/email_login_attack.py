"""Attacks email_login.py: finds out who is a customer, floods a mailbox, or guesses.

    OTPOST__CHAINS__EMAIL='["console"]' otpost

Exit code 0 if every attempt was refused for the right reason.
"""

import stage


def tries(app, browser, inbox, attack):
    hers, nobodys, his = stage.address(), stage.address(), stage.address()
    for name, email in (("Ann", hers), ("Mallory", his)):
        app.sql("INSERT INTO customers (name, email) VALUES (?, ?)", name, email)
    mallory, stranger = browser(), browser()

    known, unknown = mallory.post("request_code", email=hers), stranger.post("request_code", email=nobodys)
    same = known == unknown and known.status == 200
    attack.holds("sees in the answer who is a customer", same, known.body["message"])
    code = inbox.code(hers)
    for place in range(6):
        guess = stage.wrong(code, place)
        told = [who.post("verify_code", code=guess) for who in (mallory, stranger)]
        attack.holds(
            f"sees it in what guess {place + 1} is told",
            told[0] == told[1] and told[0].body["code"] == ("code_incorrect" if place < 5 else "verification_locked"),
            f"{told[0].status} {told[0].body['code']}",
        )
    attack.refused("then guesses right", mallory.post("verify_code", code=code), 423, "verification_locked")
    attack.holds("has an e-mail sent to somebody who is none", inbox.texts(nobodys) == [])
    again = [browser().post("request_code", email=email) for email in (hers, nobodys)]
    attack.holds(
        "asks for new guesses at once", [answer.status for answer in again] == [429, 429], again[0].body["error"],
    )
    answer = browser().post("request_code", email=hers.upper().replace("EXAMPLE.ORG", "example.org"))
    attack.holds("asks again in capitals", answer.status == 429, answer.body["error"])

    # Asked at the same moment, before the first has been counted.
    third = stage.address()
    app.sql("INSERT INTO customers (name, email) VALUES ('Carol', ?)", third)
    answers = stage.at_once(8, lambda _: browser().post("request_code", email=third))
    inbox.text(third)
    taken = sum(answer.status == 200 for answer in answers)
    attack.holds("floods a mailbox by asking eight times at once", taken == 1, f"{taken} was taken")

    # His own code, for a login as her.
    stage.done(mallory.post("request_code", email=his))
    own = inbox.code(his)
    theirs = browser()
    app.sql("INSERT INTO customers (name, email) VALUES ('Bob', ?)", bobs := stage.address())
    stage.done(theirs.post("request_code", email=bobs))
    guess = own if own != inbox.code(bobs) else stage.wrong(own)
    attack.refused("gives his code for bob's login", theirs.post("verify_code", code=guess), 422, "code_incorrect")


if __name__ == "__main__":
    stage.attack("email_login", tries, __doc__)
