"""The usual recipe: whether the code is right is asked, and not whose it is."""

import phone_change
from forgetful import Forgetful


class App(phone_change.App):
    def __init__(self, otpost):
        super().__init__(Forgetful(otpost))
