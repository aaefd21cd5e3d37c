"""Registration: the phone is proven first, then the account is made.

    python3 examples/registration.py            walk through it
    python3 examples/registration.py --serve 8001

The browser carries a receipt from the step that checks the code to the step that makes the account. A receipt
counts once, for the visit it was made in; the number is the one that was proven there, not one of the form.
"""

import secrets

import stage
import web
from web import Stop

PURPOSE = "registration"


class App(web.App):
    tables = """CREATE TABLE users (
        id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL, phone TEXT NOT NULL UNIQUE)"""
    actions = ("send_code", "check_code", "register")

    def send_code(self, session, phone):
        phone = web.phone_number(phone)
        visit = f"visit-{secrets.token_hex(16)}"
        sent = self.otpost.create(phone, PURPOSE, subject=visit)
        session["proving"] = {"visit": visit, "phone": phone}
        return {"message": "Code sent", "session_token": sent["session_token"], "to": sent["to"]}

    def check_code(self, session, session_token, code):
        proving = proving_of(session)
        checked = self.otpost.check(session_token, code, subject=proving["visit"])
        return {"message": "Phone verified", "receipt": checked["receipt"]}

    def register(self, session, username, password, receipt):
        proving = proving_of(session)
        # What can be wrong with the form is said first, so that it costs no receipt.
        if len(password) < 8:
            raise Stop(400, "Password must be at least 8 characters")
        if self.row("SELECT id FROM users WHERE username = ?", username):
            raise Stop(409, "Username already in use")
        self.otpost.consume(receipt, PURPOSE, proving["visit"])
        user = self.row(
            "INSERT INTO users (username, password, phone) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
            username, web.hashed(password), proving["phone"],
        )
        session.clear()
        if user is None:
            raise Stop(409, "Phone number already in use")
        session["user_id"] = user["id"]
        return {"message": "Welcome", "user_id": user["id"], "username": username}


def proving_of(session):
    if "proving" not in session:
        raise Stop(400, "Invalid session")
    return session["proving"]


def walk(app, browser, inbox):
    ann, phone = browser(), stage.number()
    sent = stage.done(ann.post("send_code", phone=phone))
    stage.say(f"a code goes to {sent['to']}")
    code = inbox.code(phone)
    checked = stage.done(ann.post("check_code", session_token=sent["session_token"], code=code))
    stage.say("the code is right: a receipt comes back")
    made = stage.done(ann.post("register", username="ann", password="correct horse", receipt=checked["receipt"]))
    stage.say(f"the receipt is used up, and user {made['user_id']} is {made['username']}")
    assert app.row("SELECT phone FROM users WHERE username = 'ann'")["phone"] == phone
    stage.say("registered with a proven phone")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
