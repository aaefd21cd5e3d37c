"""Marketing: opt-in by a proven phone, consent that is kept, and an opt-out that nothing brings back.

    python3 examples/marketing.py

What somebody asks for counts once the phone is proven, and not before. Whoever leaves stays in the table, as
proof of both, and is kept back by Otpost as well: whatever list is imported later, nothing is sent. People who
write STOP are kept back without any of this (docs/providers.md, "What people write back").
"""

import json
import secrets
import time

import stage
import web
from web import Stop

PURPOSE = "opt_in"
WORDING = "Send me offers by SMS, at most four a month. I can leave at any time."


class App(web.App):
    tables = """CREATE TABLE subscribers (
        id INTEGER PRIMARY KEY, phone TEXT NOT NULL UNIQUE, preferences TEXT NOT NULL DEFAULT '{}',
        is_verified INTEGER NOT NULL DEFAULT 0, opted_in_at REAL, consent TEXT, unsubscribed_at REAL,
        suppression TEXT, link TEXT NOT NULL UNIQUE)"""
    actions = ("subscribe", "confirm_subscription", "unsubscribe")

    def subscribe(self, session, phone, preferences: dict):
        phone = web.phone_number(phone)
        wish = f"subscribe-{secrets.token_hex(16)}"
        sent = self.otpost.create(phone, PURPOSE, subject=wish)
        self.import_list([phone])
        session["pending"] = {"wish": wish, "phone": phone, "preferences": preferences}
        return {"message": "Please verify your phone number", "session_token": sent["session_token"]}

    def confirm_subscription(self, session, session_token, code):
        pending = session.get("pending")
        if pending is None:
            raise Stop(400, "Invalid session")
        checked = self.otpost.check(session_token, code, subject=pending["wish"], to=pending["phone"])
        proof = self.otpost.consume(checked["receipt"], PURPOSE, pending["wish"])
        del session["pending"]
        kept_back = self.row("SELECT suppression FROM subscribers WHERE phone = ?", pending["phone"])["suppression"]
        if kept_back:
            self.otpost.call("DELETE", f"/v1/suppressions/{kept_back}")
        consent = {"wording": WORDING, "verification": proof["id"], "verified_at": proof["verified_at"]}
        self.sql(
            "UPDATE subscribers SET is_verified = 1, preferences = ?, consent = ?, opted_in_at = ?,"
            " unsubscribed_at = NULL, suppression = NULL WHERE phone = ?",
            json.dumps(pending["preferences"]), json.dumps(consent), time.time(), pending["phone"],
        )
        return {"message": "Subscription confirmed!", "preferences": pending["preferences"]}

    def unsubscribe(self, session, link):
        """The link stands in every text. It says who it is, so nobody else is unsubscribed; twice is as once."""
        who = self.row("SELECT * FROM subscribers WHERE link = ?", link)
        if who is None:
            raise Stop(404, "This link is not valid")
        kept_back = self.otpost.call("POST", "/v1/suppressions", {"to": who["phone"]}, secrets.token_hex(16))
        self.sql(
            "UPDATE subscribers SET unsubscribed_at = COALESCE(unsubscribed_at, ?), suppression = ? WHERE id = ?",
            time.time(), kept_back["id"], who["id"],
        )
        return {"message": "Unsubscribed successfully"}

    def import_list(self, phones):
        """Adds who is not there yet, as somebody who has not agreed. It changes nobody who is."""
        for phone in phones:
            self.sql(
                "INSERT INTO subscribers (phone, link) VALUES (?, ?) ON CONFLICT DO NOTHING",
                phone, secrets.token_urlsafe(16),
            )

    def send(self, text):
        """One text to everybody who agreed and has not left; what became of each."""
        people = self.sql("SELECT * FROM subscribers WHERE is_verified AND unsubscribed_at IS NULL")
        if not people:
            return []
        messages = [{"to": who["phone"], "variables": {"link": who["link"]}} for who in people]
        batch = {"text": f"{text} To leave: https://shop.example/{{link}}", "messages": messages}
        return self.otpost.call("POST", "/v1/messages/batch", batch, secrets.token_hex(16))["results"]


def walk(app, browser, inbox):
    ann, phone = browser(), stage.number()
    sent = stage.done(ann.post("subscribe", phone=phone, preferences={"shoes": True}))
    stage.say(sent["message"])
    assert app.send("Sale!") == []
    stage.say("before that nothing is sent")
    told = stage.done(
        ann.post("confirm_subscription", session_token=sent["session_token"], code=inbox.code(phone))
    )
    stage.say(f"{told['message']} {told['preferences']}")
    app.send("Shoes are cheap today.")
    text = inbox.text(phone, so_far=1)
    stage.say(f"she gets: {text.partition('https')[0].strip()}")
    link = text.rpartition("/")[2]
    for _ in range(2):
        told = stage.done(ann.post("unsubscribe", link=link))
    stage.say(told["message"])
    assert app.send("Sale!") == []
    who = app.row("SELECT * FROM subscribers")
    assert who["consent"] and who["unsubscribed_at"]
    stage.say("she gets no more, and that she agreed and left is on record")
    stage.say("opted in and out")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
