"""The usual recipe: wishes count before they are proven, and whoever leaves is deleted, proof and all."""

import json

import marketing


class App(marketing.App):
    def subscribe(self, session, phone, preferences: dict):
        told = super().subscribe(session, phone, preferences)
        self.sql("UPDATE subscribers SET preferences = ? WHERE phone = ?", json.dumps(preferences), phone)
        return told

    def unsubscribe(self, session, link=None, phone=None):
        self.sql("DELETE FROM subscribers WHERE phone = ? OR link = ?", phone, link)
        return {"message": "Unsubscribed successfully"}
