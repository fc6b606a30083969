"""Checks are functions with a sentence about the product as their title, executed in order."""

import base64
import hashlib
import os
import sys
import traceback

SERVER = os.environ["LAB_URL"]
TOKEN = os.environ["LAB_TOKEN"]
PART_SIZE = int(os.environ["LAB_PART_SIZE"])

_checks = []


def check(sentence):
    def add(function):
        _checks.append((sentence, function))
        return function

    return add


def run_checks():
    """Prints the Test Anything Protocol and exits with 0 if all checks pass, or with 1."""
    failed = 0
    for sentence, function in _checks:
        try:
            function()
            print(f"ok - {sentence}", flush=True)
        except Exception:  # any error fails only this check, and the next ones still run
            failed += 1
            print(f"not ok - {sentence}")
            print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()), flush=True)
    print(f"1..{len(_checks)}", flush=True)
    sys.exit(1 if failed else 0)


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"expected {wanted!r}, found {found!r}")


def refused(call, *, error, is_it):
    """Checks that `call` raises an `error` that `is_it` accepts, and returns it."""
    try:
        call()
    except error as raised:
        if not is_it(raised):
            raise AssertionError(f"another error than the expected one: {raised}") from raised
        return raised
    raise AssertionError("no error was raised")


def seeded_bytes(size, seed):
    """`size` pseudo-random bytes; the same seed gives the same bytes."""
    return hashlib.shake_128(seed.encode()).digest(size)


def sha1_hex(data):
    return hashlib.sha1(data).hexdigest()


def sha1_digest(data):
    return "sha=" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def parts_of(data):
    return [(offset, data[offset : offset + PART_SIZE]) for offset in range(0, len(data), PART_SIZE)]
