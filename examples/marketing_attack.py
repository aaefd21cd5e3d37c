"""Attacks marketing.py: has people sent to who did not agree, or who left.

Exit code 0 if every attempt was refused for the right reason.
"""

import json
import secrets

import stage


def tries(app, browser, inbox, attack):
    mallory, ann = browser(), browser()
    his, hers, bobs = stage.number(), stage.number(), stage.number()
    # Ann agreed last year.
    app.sql(
        "INSERT INTO subscribers (phone, preferences, is_verified, opted_in_at, consent, link)"
        " VALUES (?, '{\"shoes\": true}', 1, 1, '{\"wording\": \"…\"}', 'anns-own-link')", hers,
    )

    stage.done(mallory.post("subscribe", phone=bobs, preferences={}))
    inbox.text(bobs)
    sent = [row["to"][-2:] for row in app.send("Sale!")]
    attack.holds("subscribes bob, who proves nothing, and has him sent to", sent == [hers[-2:]], "ann alone is")
    inbox.text(hers)

    token = stage.done(mallory.post("subscribe", phone=his, preferences={"spam": True}))["session_token"]
    code = inbox.code(his)
    stage.done(mallory.post("subscribe", phone=hers, preferences={"spam": True}))
    attack.holds("overwrites what she asked for before she proved it", wishes(app, hers) == {"shoes": True})
    attack.refused(
        "confirms her wish with the proof of his own phone",
        mallory.post("confirm_subscription", session_token=token, code=code), 404, "verification_not_found",
    )
    attack.holds("overwrites it so", wishes(app, hers) == {"shoes": True})

    attack.refused(
        "unsubscribes her by her number", mallory.post("unsubscribe", phone=hers), 400, "There is no field phone",
    )
    attack.refused(
        "unsubscribes her by a link he made up", mallory.post("unsubscribe", link=secrets.token_urlsafe(16)),
        404, "This link is not valid",
    )
    attack.holds("has unsubscribed her", state(app, hers).get("unsubscribed_at", "gone") is None)

    # She leaves. Somebody finds an old list.
    stage.done(ann.post("unsubscribe", link="anns-own-link"))
    attack.holds("has the proof of her consent deleted", state(app, hers).get("consent") is not None)
    app.import_list([hers])
    attack.holds("imports her again and has her sent to", app.send("Sale!") == [])
    app.sql("DELETE FROM subscribers WHERE phone = ?", hers)
    app.import_list([hers])
    app.sql("UPDATE subscribers SET is_verified = 1 WHERE phone = ?", hers)
    rows = app.send("Sale!")
    attack.holds(
        "loses the table, imports her as somebody who agreed, and has her sent to",
        [row.get("code") for row in rows] == ["recipient_suppressed"], rows[0].get("code"),
    )
    attack.refused(
        "writes to her by herself", stage.asked(app.otpost.message, hers, "Sale!"), 403, "recipient_suppressed",
    )
    sales = sum("Sale" in text for text in inbox.texts(hers))
    attack.holds("has her read of it again", sales == 1, "she got the one before she left")


def wishes(app, phone):
    return json.loads(state(app, phone).get("preferences", "null"))


def state(app, phone):
    return dict(app.row("SELECT * FROM subscribers WHERE phone = ?", phone) or {})


if __name__ == "__main__":
    stage.attack("marketing", tries, __doc__)
