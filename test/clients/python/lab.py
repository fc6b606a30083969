"""Checks are functions; each is named by a sentence about the product, and run in the order they were written."""

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
    """Prints the Test Anything Protocol and ends the process: 0 where all holds, 1 where not."""
    failed = 0
    for sentence, function in _checks:
        try:
            function()
            print(f"ok - {sentence}", flush=True)
        except Exception:  # whatever goes wrong belongs to this check, and the next ones still run
            failed += 1
            print(f"not ok - {sentence}")
            print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()), flush=True)
    print(f"1..{len(_checks)}", flush=True)
    sys.exit(1 if failed else 0)


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"wanted {wanted!r}, found {found!r}")


def refused(call, *, error, is_it):
    """Checks that `call` raises `error`, of the kind that `is_it` says, and gives it."""
    try:
        call()
    except error as raised:
        if not is_it(raised):
            raise AssertionError(f"another refusal than the one wanted: {raised}") from raised
        return raised
    raise AssertionError("nothing was refused")


def seeded_bytes(size, seed):
    """`size` bytes as good as random; the same seed gives the same bytes."""
    return hashlib.shake_128(seed.encode()).digest(size)


def sha1_hex(data):
    return hashlib.sha1(data).hexdigest()


def sha1_digest(data):
    return "sha=" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def parts_of(data):
    return [(offset, data[offset : offset + PART_SIZE]) for offset in range(0, len(data), PART_SIZE)]
