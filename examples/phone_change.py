"""Changing one's phone: a code goes to the new number, and the account moves when it comes back.

    python3 examples/phone_change.py

Each change has a name of its own, and the check names the number too: who proves one number cannot have another
one saved. That a number belongs to somebody else is told only to whoever holds it.
"""

import secrets

import stage
import web
from web import Stop

PURPOSE = "phone_change"


class App(web.App):
    tables = """CREATE TABLE users (
        id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL, phone TEXT UNIQUE)"""
    actions = ("login", "request_change", "confirm_change")

    def login(self, session, username, password):
        user = self.row("SELECT * FROM users WHERE username = ?", username)
        if not web.password_is(password, user and user["password"]):
            raise Stop(401, "Invalid credentials")
        session.clear()
        session["user_id"] = user["id"]
        return {"message": "Logged in"}

    def request_change(self, session, new_phone):
        user_id = logged_in(session)
        new_phone = web.phone_number(new_phone)
        change = f"user-{user_id}-change-{secrets.token_hex(16)}"
        sent = self.otpost.create(new_phone, PURPOSE, subject=change)
        session["pending"] = {"change": change, "new_phone": new_phone}
        return {"message": "Verification code sent to new number", "session_token": sent["session_token"]}

    def confirm_change(self, session, session_token, code):
        user_id, pending = logged_in(session), session.get("pending")
        if pending is None:
            raise Stop(400, "Invalid session")
        checked = self.otpost.check(session_token, code, subject=pending["change"], to=pending["new_phone"])
        self.otpost.consume(checked["receipt"], PURPOSE, pending["change"])
        del session["pending"]
        moved = self.row(
            "UPDATE users SET phone = ? WHERE id = ? AND NOT EXISTS (SELECT 1 FROM users WHERE phone = ? AND id <> ?)"
            " RETURNING phone",
            pending["new_phone"], user_id, pending["new_phone"], user_id,
        )
        if moved is None:
            raise Stop(400, "Phone number already in use")
        return {"message": "Phone number updated successfully", "new_phone": moved["phone"]}


def logged_in(session):
    if "user_id" not in session:
        raise Stop(401, "Not logged in")
    return session["user_id"]


def walk(app, browser, inbox):
    old, new = stage.number(), stage.number()
    add_user(app, "ann", old)
    ann = browser()
    stage.done(ann.post("login", username="ann", password="correct horse"))
    sent = stage.done(ann.post("request_change", new_phone=new))
    stage.say(sent["message"])
    assert inbox.texts(old) == []
    assert app.row("SELECT phone FROM users")["phone"] == old
    stage.say("until the code comes back the old number stays")
    told = stage.done(ann.post("confirm_change", session_token=sent["session_token"], code=inbox.code(new)))
    assert app.row("SELECT phone FROM users")["phone"] == new
    stage.say(told["message"])
    # Tell the old number: if it was not she who moved, she learns of it.
    app.otpost.message(old, "The phone number of your account was changed.")
    assert "was changed" in inbox.text(old)
    stage.say("and the old number is told")
    stage.say("phone changed")


def add_user(app, username, phone):
    app.sql(
        "INSERT INTO users (username, password, phone) VALUES (?, ?, ?)",
        username, web.hashed("correct horse"), phone,
    )


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
