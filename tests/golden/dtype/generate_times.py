#!/usr/bin/env python3
"""Writes times.txt beside this file: moments and lengths of time as NumPy prints and converts them.

test_calendar.c reads it; run this only to follow a new release of NumPy (its version is in tools/requirements.txt):

    build/venv/bin/python tests/golden/dtype/generate_times.py

A line is `text UNIT SCALE VALUE TEXT` or `cast KIND UNIT SCALE VALUE UNIT SCALE RESULT`, KIND M or m. NumPy wraps on
overflow, so only values whose result is small enough to be right are written."""
import pathlib
import random

import numpy as np

UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
PER_YEAR = dict(zip(UNITS, [1, 12, 52.2, 365.2425, 8766, 525949, 3.156e7, 3.156e10, 3.156e13, 3.156e16, 3.156e19,
                            3.156e22, 3.156e25]))


def values(chance, unit, scale):
    """Within NumPy's years -20000 .. 20000 and 64 bits, the edges among them."""
    most = int(min(20000 * PER_YEAR[unit] / scale, 2.0**62 / scale))
    yield from {0, min(1, most), -min(1, most)}
    for bits in (4, 12, 20, 40, 62):
        yield chance.randint(-min(most, 2**bits), min(most, 2**bits))


def main():
    chance = random.Random(1)
    lines = []
    for unit in UNITS:
        for scale in (1, 7, 1000):
            for value in values(chance, unit, scale):
                moment = np.datetime64(value, (unit, scale))
                lines.append(f"text {unit} {scale} {value} {moment}")
                for kind in "Mm":
                    other, times = chance.choice(UNITS), chance.choice([1, 1, 3, 10])
                    months = {"Y", "M"}
                    if kind == "m" and (unit in months) != (other in months):
                        continue
                    if abs(value) * scale / PER_YEAR[unit] * PER_YEAR[other] > 2.0**61:
                        continue
                    element = np.array([value], f"{kind}8[{scale}{unit}]")
                    try:
                        result = element.astype(f"{kind}8[{times}{other}]").view("i8")[0]
                    except OverflowError:  # of NumPy's own factor between the two units
                        continue
                    lines.append(f"cast {kind} {unit} {scale} {value} {other} {times} {result}")
    (pathlib.Path(__file__).parent / "times.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
