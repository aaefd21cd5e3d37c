"""Otpost as usual recipes would use it: with nothing that binds a proof to whom and what it is for."""


class Forgetful:
    def __init__(self, otpost):
        self._otpost = otpost

    def create(self, to, purpose, decoy=False, subject=None, **fields):
        if decoy:
            return {"session_token": "fake_token"}
        return self._otpost.create(to, purpose, **fields)

    def check(self, session_token, code, **_):
        return self._otpost.check(session_token, code)

    def consume(self, *_):
        return {"id": "", "verified_at": ""}

    def __getattr__(self, name):
        return getattr(self._otpost, name)
