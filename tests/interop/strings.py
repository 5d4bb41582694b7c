"""Strings and bytes of variable length, as the tests of interoperability make, write and read them."""
import base64
import json
import random

import numpy as np

import tessera_cli as cli

ALPHABET = "aé€😀\u0000\n\"\\ z"


def texts(shape, seed=1):
    chance = random.Random(seed)
    words = ["".join(chance.choices(ALPHABET, k=chance.choice([0, 1, 3, 12, 13, 40, 300])))
             for _ in range(np.prod(shape))]
    return np.array(words, dtype=object).reshape(shape)


def pieces(shape, seed=1):
    chance = random.Random(seed)
    words = [chance.randbytes(chance.choice([0, 1, 12, 13, 300])) for _ in range(np.prod(shape))]
    result = np.empty(len(words), dtype=object)
    result[:] = words
    return result.reshape(shape)


def make(dtype, shape, seed=1):
    return texts(shape, seed) if dtype == "string" else pieces(shape, seed)


def listed(place, selection=""):
    return json.loads(cli.run("cat", f"{place}{selection}", "--format", "json"))


def encoded(values):
    """A table as `tessera cat --format json` has it: bytes in base64."""
    return [[base64.b64encode(v).decode() if isinstance(v, bytes) else v for v in row] for row in values.tolist()]


def put(place, values):
    cli.run("put", "-", place, data=json.dumps(encoded(values)).encode())
