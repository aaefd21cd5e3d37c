"""Login of customers by e-mail: the address is looked up, a code is sent, and the next page asks for it.

    OTPOST__CHAINS__EMAIL='["console"]' otpost
    python3 examples/email_login.py

The token stays in the session on the server. Who is a customer is told to nobody, and an address that is asked
for again and again is sent one e-mail in half a minute, however it is spelled.
"""

import secrets

import stage
import web
from otpost import Refused
from web import Stop

PURPOSE = "login"


class App(web.App):
    tables = """CREATE TABLE customers (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE COLLATE NOCASE)"""
    actions = ("request_code", "verify_code")

    def request_code(self, session, email):
        customer = self.row("SELECT * FROM customers WHERE email = ?", email)
        login = f"login-{secrets.token_hex(16)}"
        try:
            sent = self.otpost.create(email, PURPOSE, channel="email", subject=login, decoy=customer is None)
        except Refused as no:
            if no.code == "rate_limited":
                raise Stop(429, f"Please wait {no.retry_after:.0f} seconds before requesting another code") from None
            raise
        pending = {"login": login, "token": sent["session_token"], "customer_id": customer and customer["id"]}
        session["pending"] = pending
        return {"message": "If there is an account, a code was sent", "redirect": "/verify_code"}

    def verify_code(self, session, code):
        pending = session.get("pending")
        if pending is None:
            raise Stop(400, "Invalid session")
        checked = self.otpost.check(pending["token"], code, subject=pending["login"])
        self.otpost.consume(checked["receipt"], PURPOSE, pending["login"])
        session.clear()
        customer = self.row("SELECT * FROM customers WHERE id = ?", pending["customer_id"])
        session["customer_id"] = customer["id"]
        return {"message": f"Welcome back, {customer['name']}"}


def walk(app, browser, inbox):
    email = stage.address()
    app.sql("INSERT INTO customers (name, email) VALUES ('Ann', ?)", email)
    ann = browser()
    told = stage.done(ann.post("request_code", email=email))
    stage.say(f"{told['message']}; on to {told['redirect']}")
    code = inbox.code(email)
    told = stage.done(ann.post("verify_code", code=stage.wrong(code)), 422)
    stage.say(f"a wrong code: {told['guesses_left']} guesses left")
    stage.say(stage.done(ann.post("verify_code", code=code))["message"])
    told = stage.done(browser().post("request_code", email=email), 429)
    stage.say(f"at once again: {told['error']}")
    stage.say("logged in by e-mail")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
