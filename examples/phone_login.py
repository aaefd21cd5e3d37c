"""Login with nothing but a phone: whoever proves it is logged in, and the first time an account is made.

    python3 examples/phone_login.py

The number is taken from what was proven, never from the request that logs in.
"""

import secrets

import stage
import web
from web import Stop

PURPOSE = "login"


class App(web.App):
    tables = "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, phone TEXT NOT NULL UNIQUE)"
    actions = ("login", "confirm", "who_am_i")

    def login(self, session, phone):
        phone = web.phone_number(phone)
        login = f"login-{secrets.token_hex(16)}"
        sent = self.otpost.create(phone, PURPOSE, subject=login)
        session["pending"] = {"login": login, "phone": phone}
        return {"message": "Code sent", "session_token": sent["session_token"], "to": sent["to"]}

    def confirm(self, session, session_token, code):
        pending = session.get("pending")
        if pending is None:
            raise Stop(400, "Invalid session")
        checked = self.otpost.check(session_token, code, subject=pending["login"])
        self.otpost.consume(checked["receipt"], PURPOSE, pending["login"])
        # Nothing is half made: the account that is there is found, or a new one begins, in one statement.
        user = self.row(
            "INSERT INTO users (username, phone) VALUES (?, ?)"
            " ON CONFLICT (phone) DO UPDATE SET phone = excluded.phone RETURNING id, username",
            f"user-{secrets.token_hex(6)}", pending["phone"],
        )
        session.clear()
        session["user_id"] = user["id"]
        return {"message": "Logged in", "user_id": user["id"], "username": user["username"]}

    def who_am_i(self, session):
        if "user_id" not in session:
            raise Stop(401, "Not logged in")
        return {"user_id": session["user_id"]}


def walk(app, browser, inbox):
    ann, phone = browser(), stage.number()
    sent = stage.done(ann.post("login", phone=phone))
    stage.say(f"a code goes to {sent['to']}")
    user = stage.done(ann.post("confirm", session_token=sent["session_token"], code=inbox.code(phone)))
    stage.say(f"an account is made: {user['username']}")
    app.sql("INSERT INTO users (username, phone) VALUES ('bob', ?)", bobs := stage.number())
    bob = browser()
    sent = stage.done(bob.post("login", phone=bobs))
    user = stage.done(bob.post("confirm", session_token=sent["session_token"], code=inbox.code(bobs)))
    stage.say(f"whoever has one already is found: {user['username']}")
    assert user["username"] == "bob" and stage.done(bob.post("who_am_i"))["user_id"] == user["user_id"]
    stage.say("logged in by phone")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
