#!/usr/bin/env python3
"""Verifies a receipt of Otpost as an application does, with PyJWT and the published keys alone.

Prints a table of what was tried and what came, and exits with 1 when one row is not as it should be. The code is read
from the inbox of the console provider. scripts/compat/receipts.mjs is the same with jose for Node.

    otpost serve
    export OTPOST_KEY=$(otpost key create --json)
    pip install 'pyjwt[crypto]==2.10.*' && python3 scripts/compat/receipts.py
"""

import base64
import hashlib
import json
import os
import random
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt

URL = os.environ.get("OTPOST_URL", "http://127.0.0.1:8080")
ISSUER = os.environ.get("OTPOST_ISSUER", URL)
KEY = json.loads(os.environ["OTPOST_KEY"])["key"]
TENANT = "00000000-0000-0000-0000-000000000000"
PATIENCE_SECS = 10

keys = jwt.PyJWKClient(URL + "/.well-known/jwks.json")
rows = []


def row(what, came, expected):
    rows.append((what, came, expected))


def post(path, body):
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def code_of(to):
    """What the person reads."""
    until = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{URL}/inbox.json?to={urllib.parse.quote(to)}") as answer:
            messages = json.load(answer)
        if messages:
            return re.search(r"\b\d{6}\b", messages[0]["text"]).group()
        time.sleep(0.05)
    sys.exit("no code came: is it the console provider, on this machine?")


def is_proof(receipt, number, purpose, subject, issuer=ISSUER, audience=TENANT):
    """As docs/api.md has it."""
    claims = jwt.decode(
        receipt,
        keys.get_signing_key_from_jwt(receipt),
        algorithms=["EdDSA"],
        issuer=issuer,
        audience=audience,
        options={"require": ["exp", "iat", "jti"]},
    )
    known = hashlib.sha256(f"{claims['jti']}:{number}".encode()).hexdigest()
    return (
        jwt.get_unverified_header(receipt).get("typ") == "otpost-receipt+jwt"
        and claims["purpose"] == purpose
        and claims.get("sub") == subject
        and claims["to_hash"] == known
        and "test" not in claims
    )


def tried(receipt, *rest, **named):
    try:
        return is_proof(receipt, *rest, **named)
    except jwt.PyJWTError as error:
        return type(error).__name__


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


number = f"+1202555{random.randrange(10_000):04}"
_, created = post("/v1/verifications", {"to": number, "subject": "user-17"})
token = {"session_token": created["session_token"], "subject": "user-17"}
_, checked = post("/v1/verifications/check", {**token, "code": code_of(number)})
receipt = checked["receipt"]
header, payload, signature = receipt.split(".")
flipped = signature[:-6] + ("B" if signature[-6] == "A" else "A") + signature[-5:]
unsigned = part({**jwt.get_unverified_header(receipt), "alg": "none"})

row("a receipt", tried(receipt, number, "default", "user-17"), True)
row("another number", tried(receipt, "+12025550000x", "default", "user-17"), False)
row("another purpose", tried(receipt, number, "login", "user-17"), False)
row("another subject", tried(receipt, number, "default", None), False)
row(
    "another issuer",
    tried(receipt, number, "default", "user-17", issuer="https://elsewhere.example"),
    "InvalidIssuerError",
)
row(
    "another tenant",
    tried(receipt, number, "default", "user-17", audience=TENANT[:-1] + "1"),
    "InvalidAudienceError",
)
row(
    "a changed signature",
    tried(f"{header}.{payload}.{flipped}", number, "default", "user-17"),
    "InvalidSignatureError",
)
row(
    "alg none",
    tried(f"{unsigned}.{payload}.", number, "default", "user-17"),
    "InvalidAlgorithmError",
)
consume = {"receipt": receipt, "purpose": "default", "subject": "user-17"}
row("consumed", post("/v1/receipts/consume", consume)[0], 200)
row("consumed again", post("/v1/receipts/consume", consume)[1]["code"], "receipt_already_consumed")

for what, came, expected in rows:
    print("ok " if came == expected else "BAD", f"{what:20}", came)
sys.exit(any(came != expected for _, came, expected in rows))
