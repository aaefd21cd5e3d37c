"""Two-factor login: the password first, then a code to the phone on file.

    python3 examples/two_factor.py

Each pending login has a name of its own, which the verification is bound to. So what proves another phone, or
the same phone for another login, proves nothing here.
"""

import secrets

import stage
import web
from web import Stop

PURPOSE = "two_factor"


class App(web.App):
    tables = """
        CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL, phone TEXT);
        CREATE TABLE tokens (user_id INTEGER NOT NULL, token TEXT NOT NULL UNIQUE)"""
    actions = ("login_step1", "login_step2")

    def login_step1(self, session, username, password):
        user = self.row("SELECT * FROM users WHERE username = ?", username)
        if not web.password_is(password, user and user["password"]):
            raise Stop(401, "Invalid credentials")
        if not user["phone"]:
            raise Stop(400, "Phone number not configured for this account")
        login = f"user-{user['id']}-login-{secrets.token_hex(16)}"
        sent = self.otpost.create(user["phone"], PURPOSE, subject=login)
        # Who wants to log in is kept here and never asked of the browser.
        session["pending"] = {"login": login, "user_id": user["id"]}
        return {
            "message": "Verification code sent", "session_token": sent["session_token"],
            "phone_number": sent["to"],
        }

    def login_step2(self, session, session_token, code):
        pending = session.get("pending")
        if pending is None:
            raise Stop(400, "Invalid session")
        checked = self.otpost.check(session_token, code, subject=pending["login"])
        self.otpost.consume(checked["receipt"], PURPOSE, pending["login"])
        session.clear()
        token = secrets.token_urlsafe(32)
        self.sql("INSERT INTO tokens (user_id, token) VALUES (?, ?)", pending["user_id"], token)
        user = self.row("SELECT * FROM users WHERE id = ?", pending["user_id"])
        return {"token": token, "user_id": user["id"], "username": user["username"]}


def add_user(app, username, phone, password="correct horse"):
    app.sql("INSERT INTO users (username, password, phone) VALUES (?, ?, ?)", username, web.hashed(password), phone)


def walk(app, browser, inbox):
    add_user(app, "ann", phone := stage.number())
    add_user(app, "bob", None)
    ann = browser()
    told = stage.done(ann.post("login_step1", username="ann", password="wrong"), 401)
    stage.say(f"a wrong password: {told['error']}")
    told = stage.done(ann.post("login_step1", username="bob", password="correct horse"), 400)
    stage.say(f"an account without a phone: {told['error']}")
    sent = stage.done(ann.post("login_step1", username="ann", password="correct horse"))
    stage.say(f"the password is right, and a code goes to {sent['phone_number']}")
    code = inbox.code(phone)
    token = sent["session_token"]
    told = stage.done(ann.post("login_step2", session_token=token, code=stage.wrong(code)), 422)
    stage.say(f"a wrong code: {told['guesses_left']} guesses left")
    user = stage.done(ann.post("login_step2", session_token=token, code=code))
    assert app.row("SELECT user_id FROM tokens WHERE token = ?", user["token"])["user_id"] == user["user_id"]
    stage.say(f"the right one: {user['username']} has a token")
    stage.say("logged in with two factors")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
