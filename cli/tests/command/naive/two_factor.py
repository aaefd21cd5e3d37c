"""The usual recipe: whether the code is right is asked, and not whose it is."""

import two_factor
from forgetful import Forgetful


class App(two_factor.App):
    def __init__(self, otpost):
        super().__init__(Forgetful(otpost))
