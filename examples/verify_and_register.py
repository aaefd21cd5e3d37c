"""Registration in one call: the form and the code come together, and the account is made if the code is right.

    python3 examples/verify_and_register.py

The form is looked at before the code, which counts once: a name that is taken must not cost it.
"""

import secrets

import stage
import web
from web import Stop

PURPOSE = "registration"


class App(web.App):
    tables = """CREATE TABLE users (
        id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL, password TEXT NOT NULL,
        phone TEXT NOT NULL UNIQUE)"""
    actions = ("register_phone", "verify_and_register")

    def register_phone(self, session, phone):
        phone = web.phone_number(phone)
        visit = f"visit-{secrets.token_hex(16)}"
        sent = self.otpost.create(phone, PURPOSE, subject=visit)
        session["proving"] = {"visit": visit, "phone": phone}
        return {"session_token": sent["session_token"], "to": sent["to"]}

    def verify_and_register(self, session, session_token, code, username, email, password):
        proving = session.get("proving")
        if proving is None:
            raise Stop(400, "Invalid session")
        if "@" not in email or not username.strip():
            raise Stop(400, "A name and an e-mail address are needed")
        if len(password) < 8:
            raise Stop(400, "Password must be at least 8 characters")
        if self.row("SELECT id FROM users WHERE username = ?", username):
            raise Stop(409, "Username already in use")
        checked = self.otpost.check(session_token, code, subject=proving["visit"])
        self.otpost.consume(checked["receipt"], PURPOSE, proving["visit"])
        # One statement decides: of two forms at once, one has the name and the number.
        user = self.row(
            "INSERT INTO users (username, email, password, phone) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING RETURNING id",
            username, email, web.hashed(password), proving["phone"],
        )
        session.clear()
        if user is None:
            raise Stop(409, "Phone number already in use")
        session["user_id"] = user["id"]
        return {"user_id": user["id"], "username": username, "email": email}


def walk(app, browser, inbox):
    ann, phone = browser(), stage.number()
    sent = stage.done(ann.post("register_phone", phone=phone))
    stage.say(f"a code goes to {sent['to']}")
    form = {"username": "ann", "email": "ann@example.org", "password": "short"}
    form |= {"session_token": sent["session_token"], "code": inbox.code(phone)}
    told = stage.done(ann.post("verify_and_register", **form), 400)
    stage.say(f"the form is mended before the code is spent: {told['error']}")
    made = stage.done(ann.post("verify_and_register", **form | {"password": "correct horse"}))
    stage.say(f"one call checks the code and makes user {made['user_id']}")
    assert app.row("SELECT phone FROM users WHERE username = 'ann'")["phone"] == phone
    stage.say("verified and registered in one call")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
