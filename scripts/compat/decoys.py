#!/usr/bin/env python3
"""Measures whether decoys can be told from real verifications by the time that their answers take.

Creates and checks both, mixed at random, over one connection, and compares the medians: exits with 1 when those of a
create, or of a check some seconds later, are more than 5 % apart. Needs nothing but Python; a run takes some thousand numbers, which a second one within ten
minutes would find limited.

    otpost serve
    export OTPOST_KEY=$(otpost key create --json)
    python3 scripts/compat/decoys.py 2000
"""

import collections
import http.client
import json
import os
import random
import statistics
import sys
import time
import urllib.parse

URL = urllib.parse.urlsplit(os.environ.get("OTPOST_URL", "http://127.0.0.1:8080"))
KEY = json.loads(os.environ["OTPOST_KEY"])["key"]
EACH = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
MOST_APART = 0.05
# Verifications between one and its second check.
LATER = 100

connection = http.client.HTTPConnection(URL.hostname, URL.port)
headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}


def post(path, body, expected):
    """The answer, and the milliseconds until it was read."""
    text = json.dumps(body)
    began = time.perf_counter()
    connection.request("POST", path, text, headers)
    answer = connection.getresponse()
    read = answer.read()
    took = (time.perf_counter() - began) * 1_000
    if answer.status != expected:
        sys.exit(f"{path} was answered {answer.status}: {read.decode()}")
    return json.loads(read), took


def guess(created):
    """One in a million is right, and then the run is to be repeated."""
    check = {"session_token": created["session_token"], "code": f"{random.randrange(10**6):06}"}
    return post("/v1/verifications/check", check, 422)[1]


numbers = [f"+1202555{n:04}" for n in range(10_000)]
random.shuffle(numbers)
# As many of the one as of the other, in no order.
kinds = [False, True] * EACH
random.shuffle(kinds)
# What is sent right after a create meets the worker, which is busy with a real one.
CALLS = {"create": True, "check at once": False, "check later": True}
took = {(call, decoy): [] for call in CALLS for decoy in (False, True)}
waiting = collections.deque()
for number, decoy in zip(numbers, kinds, strict=False):
    created, ms = post("/v1/verifications", {"to": number, "decoy": decoy}, 202)
    took["create", decoy].append(ms)
    took["check at once", decoy].append(guess(created))
    waiting.append((created, decoy))
    if len(waiting) > LATER:
        created, decoy = waiting.popleft()
        took["check later", decoy].append(guess(created))

apart = 0
for call, counts in CALLS.items():
    real, decoy = (took[call, kind] for kind in (False, True))
    ratio = statistics.median(decoy) / statistics.median(real)
    if counts:
        apart = max(apart, abs(ratio - 1))
    p95 = [statistics.quantiles(of, n=20)[-1] for of in (real, decoy)]
    print(
        f"{call:13}  {len(real)} real: median {statistics.median(real):.3f} ms, p95 {p95[0]:.3f} ms;"
        f"  {len(decoy)} decoys: median {statistics.median(decoy):.3f} ms, p95 {p95[1]:.3f} ms;"
        f"  ratio {ratio:.3f}"
    )
sys.exit(apart > MOST_APART)
