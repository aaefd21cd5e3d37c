"""The usual recipe: whether the code is right is asked, and not whose it is."""

import password_reset
from forgetful import Forgetful


class App(password_reset.App):
    def __init__(self, otpost):
        super().__init__(Forgetful(otpost))
