"""Attacks async_send.py: has one form send many texts, or gets at what others were sent.

Exit code 0 if every attempt was refused for the right reason.
"""

import stage


def tries(app, browser, inbox, attack):
    ann, mallory = browser(), browser()
    hers, his = stage.number(), stage.number()
    ann.post("status", task_id="")  # so that the clicks below are of one visit
    answers = stage.at_once(8, lambda _: ann.post("register", phone=hers, form="f1"))
    tokens = {stage.done(answer, 202)["session_token"] for answer in answers}
    code = inbox.code(hers)
    texts = len(inbox.texts(hers))
    attack.holds("clicks eight times and has eight texts sent", (len(tokens), texts) == (1, 1), f"{texts} text")
    sent = answers[0].body

    attack.refused(
        "has her form send to his phone", ann.post("register", phone=his, form="f1"), 422, "idempotency_key_reused",
    )
    attack.refused("asks for more texts", ann.post("register", phone=hers, form="f2"), 429, "rate_limited")
    answer = mallory.post("register", phone=hers, form="f1")
    attack.refused("guesses her form and is given her token", answer, 429, "rate_limited")
    attack.refused(
        "looks how far hers is", mallory.post("status", task_id=sent["task_id"]), 404, "There is no such task",
    )
    shown = stage.done(ann.post("status", task_id=sent["task_id"]))
    attack.holds("reads a code or a number there", code not in str(shown) and hers not in str(shown), str(shown))
    whole = str(app.otpost.show(sent["task_id"]))
    attack.holds("reads them in what Otpost shows", code not in whole and hers not in whole)
    attack.refused(
        "proves hers in a visit of his own",
        mallory.post("verify", task_id=sent["task_id"], session_token=sent["session_token"], code=code),
        404, "There is no such task",
    )
    own = stage.done(mallory.post("register", phone=his, form="f1"), 202)
    attack.refused(
        "proves it as the phone of his own task",
        mallory.post("verify", task_id=own["task_id"], session_token=sent["session_token"], code=code),
        404, "verification_not_found",
    )
    attack.holds("has her phone verified", app.sql("SELECT * FROM phones") == [])


if __name__ == "__main__":
    stage.attack("async_send", tries, __doc__)
