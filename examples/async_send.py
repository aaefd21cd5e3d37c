"""Sending without waiting: the answer comes at once, with the token that the check needs.

    python3 examples/async_send.py

There is no task queue to run: Otpost stores the request, answers, and sends afterwards. A form that is sent
twice sends one text, and whoever asks how far it is sees it, if it is theirs.
"""

import re
import secrets
import time

import stage
import web
from web import Answer, Stop

PURPOSE = "registration"


class App(web.App):
    tables = "CREATE TABLE phones (phone TEXT NOT NULL UNIQUE, verified_at TEXT NOT NULL)"
    actions = ("register", "status", "verify")

    def register(self, session, phone, form):
        """`form` is a random text that the page makes once: a double click repeats it."""
        phone = web.phone_number(phone)
        if not re.fullmatch(r"[\w-]{1,64}", form, re.ASCII):
            raise Stop(400, "The page names the form")
        visit = session.setdefault("visit", f"visit-{secrets.token_hex(16)}")
        # The visit is in it, or else somebody who guesses another's form would be given its token.
        subject = f"{visit}-{form}"
        sent = self.otpost.create(phone, PURPOSE, key=subject, subject=subject)
        session.setdefault("tasks", {})[sent["id"]] = {"phone": phone, "subject": subject}
        return Answer(202, {
            "message": "Verification code will be sent shortly", "task_id": sent["id"],
            "session_token": sent["session_token"],
        })

    def status(self, session, task_id):
        if task_id not in session.get("tasks", {}):
            raise Stop(404, "There is no such task")
        shown = self.otpost.show(task_id)
        message = shown["messages"][-1]
        return {"status": shown["status"], "message": message["state"], "failure": message.get("failure")}

    def verify(self, session, task_id, session_token, code):
        task = session.get("tasks", {}).get(task_id)
        if task is None:
            raise Stop(404, "There is no such task")
        checked = self.otpost.check(session_token, code, subject=task["subject"], to=task["phone"])
        proof = self.otpost.consume(checked["receipt"], PURPOSE, task["subject"])
        self.sql(
            "INSERT INTO phones (phone, verified_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
            task["phone"], proof["verified_at"],
        )
        return {"message": "Phone verified"}


def walk(app, browser, inbox):
    ann, phone = browser(), stage.number()
    told = stage.done(ann.post("register", phone="+1 999 555 0100", form="f1"), 422)
    stage.say(f"a number that cannot exist is said at once: {told['code']}")
    began = time.monotonic()
    sent = stage.done(ann.post("register", phone=phone, form="f2"), 202)
    stage.say(f"{sent['message']}: answered after {(time.monotonic() - began) * 1000:.0f} ms, with the token")
    code = inbox.code(phone)
    while (shown := stage.done(ann.post("status", task_id=sent["task_id"])))["message"] != "sent":
        time.sleep(0.02)
    stage.say(f"how far it is: the verification is {shown['status']}, its message {shown['message']}")
    form = {"task_id": sent["task_id"], "session_token": sent["session_token"], "code": code}
    stage.say(stage.done(ann.post("verify", **form))["message"])
    stage.say("sent in the background, verified all the same")


if __name__ == "__main__":
    stage.play(App, walk, __doc__)
