"""Password reset by phone, which tells nobody whether a number has an account.

    python3 examples/password_reset.py

For a number without an account a decoy is made: it looks, lasts and answers like any other verification, sends
nothing, and no code is right.
"""

import secrets

import stage
import web
from web import Stop

PURPOSE = "password_reset"


class App(web.App):
    tables = """CREATE TABLE users (
        id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL, phone TEXT NOT NULL UNIQUE)"""
    actions = ("request_reset", "verify_and_reset")

    def request_reset(self, session, phone):
        phone = web.phone_number(phone)
        user = self.row("SELECT id FROM users WHERE phone = ?", phone)
        reset = f"reset-{secrets.token_hex(16)}"
        # One call for both, so that neither the answer nor its time tells them apart.
        sent = self.otpost.create(phone, PURPOSE, subject=reset, decoy=user is None)
        session["pending"] = {"reset": reset, "user_id": user and user["id"]}
        return {
            "message": "If this phone number is registered, a code was sent",
            "session_token": sent["session_token"],
        }

    def verify_and_reset(self, session, session_token, code, new_password):
        pending = session.get("pending")
        if pending is None:
            raise Stop(400, "Invalid session")
        if len(new_password) < 8:
            raise Stop(400, "Password must be at least 8 characters")
        checked = self.otpost.check(session_token, code, subject=pending["reset"])
        self.otpost.consume(checked["receipt"], PURPOSE, pending["reset"])
        session.clear()
        self.sql("UPDATE users SET password = ? WHERE id = ?", web.hashed(new_password), pending["user_id"])
        return {"message": "Password reset successful"}


def walk(app, browser, inbox):
    phone = stage.number()
    app.sql("INSERT INTO users (username, password, phone) VALUES ('ann', ?, ?)", web.hashed("forgotten"), phone)
    ann = browser()
    sent = stage.done(ann.post("request_reset", phone=phone))
    stage.say(sent["message"])
    form = {"session_token": sent["session_token"], "code": inbox.code(phone)}
    told = stage.done(ann.post("verify_and_reset", new_password="short", **form), 400)
    stage.say(f"the code is not spent yet: {told['error']}")
    stage.say(stage.done(ann.post("verify_and_reset", new_password="battery staple", **form))["message"])
    assert web.password_is("battery staple", app.row("SELECT password FROM users")["password"])
    nobody = browser()
    told = stage.done(nobody.post("request_reset", phone=(unknown := stage.number())))
    stage.say(f"and of a number without an account: {told['message']}")
    assert inbox.texts(unknown) == []
    stage.say("password reset, and nobody enumerated")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
