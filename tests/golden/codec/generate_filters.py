#!/usr/bin/env python3
"""Makes filters.txt: what numcodecs 0.16.6 (NumPy 2.4, x86-64) makes of arrays, and makes back of that.

A line is: id of v2, configuration, type, then elements, encoded bytes and decoded elements, in hexadecimal,
little-endian. Values that NumPy casts differently from one processor to the next are not in it.
"""
import json
import pathlib
import warnings

import numcodecs
import numpy as np

warnings.simplefilter("ignore")
FLOATS = ["<f2", "<f4", "<f8"]
INTEGERS = ["|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8"]
random = np.random.default_rng(20260714)


def numbers(dtype, count=24):
    """Random bits, and the ends of the range."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        values = (random.standard_normal(count) * 100).astype(dtype)
        values[:8] = [0, -0.0, 1, -1, 0.5, 1.5, 2.5, -0.1]
        return values
    info = np.iinfo(dtype)
    values = np.frombuffer(random.bytes(count * dtype.itemsize), dtype).copy()
    values[:4] = [info.min, info.max, 0, 1]
    return values


def small(dtype, count=24):
    return (random.integers(-60 if np.dtype(dtype).kind != "u" else 10, 60, count)).astype(dtype)


def line(codec, values):
    config = codec.get_config()
    name = config.pop("id")
    encoded = np.asarray(codec.encode(values.copy()))
    decoded = np.asarray(codec.decode(encoded.tobytes()))
    if decoded.dtype.kind == "V" or decoded.dtype != values.dtype:
        decoded = decoded.view(values.dtype)
    return " ".join([name, json.dumps(config, separators=(",", ":")), values.dtype.str,
                     *(array.tobytes().hex() or "-" for array in (values, encoded, decoded))])


def delta():
    for dtype in INTEGERS + FLOATS:
        yield numcodecs.Delta(dtype), numbers(dtype)
    for dtype, astype in [("|i1", "<i2"), ("<i2", "|i1"), ("<i8", "<i4"), ("|u1", "<i2"), ("<u4", "<i8"),
                          ("<i4", "<f8"), ("<u8", "<u2"), ("<f8", "<f4"), ("<f4", "<f8")]:
        values = numbers(dtype)
        values[0] = 7  # numcodecs refuses a first element that does not fit
        yield numcodecs.Delta(dtype, astype), values
    for dtype, astype in [("<f4", "<i2"), ("<f8", "|i1"), ("<f2", "<i4")]:
        yield numcodecs.Delta(dtype, astype), small(dtype)


def fixedscaleoffset():
    for dtype in FLOATS:
        for scale, offset in [(10, 0), (10.0, 1000), (0.5, -3.25), (100, 273.15)]:
            yield numcodecs.FixedScaleOffset(offset, scale, dtype), numbers(dtype)
            yield numcodecs.FixedScaleOffset(offset, scale, dtype, "<i4"), small(dtype)
    for dtype, astype in [("<f8", "|u1"), ("<f4", "|i1"), ("<f8", "<i2"), ("<f8", "<u2"), ("<f8", "<u4"),
                          ("<f8", "<i8"), ("<f4", "<f8"), ("<f8", "<f4")]:
        yield numcodecs.FixedScaleOffset(-100, 3, dtype, astype), small(dtype)
        yield numcodecs.FixedScaleOffset(-100.5, 3.7, dtype, astype), small(dtype)
    for dtype in INTEGERS:
        for scale, offset in [(1, 0), (3, 7), (2.5, 7), (3, 7.5), (0.1, -0.25)]:
            yield numcodecs.FixedScaleOffset(offset, scale, dtype, "<i8"), small(dtype)
            values = small(dtype) if "u" in dtype else numbers(dtype)
            yield numcodecs.FixedScaleOffset(offset, scale, dtype, "<f8"), values
    yield numcodecs.FixedScaleOffset(5, 2, "<i4", "|i1"), numbers("<i4")


def quantize():
    for dtype in FLOATS:
        for digits in 0, 1, 2, 3, -1:
            yield numcodecs.Quantize(digits, dtype), numbers(dtype)
    for digits in 5, 6, 7, 12, 15, -7:
        yield numcodecs.Quantize(digits, "<f8"), numbers("<f8")
    yield numcodecs.Quantize(3, "<f8", "<f4"), numbers("<f8")
    yield numcodecs.Quantize(2, "<f8", "<f2"), numbers("<f8")


def bitround():
    for dtype, bits in [("<f2", 10), ("<f4", 23), ("<f8", 52)]:
        for keep in 0, 1, 3, 7, bits - 1, bits:
            values = numbers(dtype)
            values[20:23] = [np.inf, -np.inf, np.finfo(dtype).max]
            yield numcodecs.BitRound(keep), values


def packbits():
    for count in 0, 1, 7, 8, 9, 63, 64, 65:
        yield numcodecs.PackBits(), random.integers(0, 2, count).astype(bool)


def astype():
    for source in INTEGERS + FLOATS:
        for target in INTEGERS + FLOATS:
            kinds = np.dtype(source).kind + np.dtype(target).kind
            values = small(source) if kinds[0] == "f" and kinds[1] == "i" else numbers(source)
            if kinds == "fu":
                values = np.abs(small(source))
            if kinds[0] in "iu" and kinds[1] == "f":
                values = small(source)
            yield numcodecs.AsType(target, source), values
    yield numcodecs.AsType("<c8", "<c16"), (numbers("<f8") + 1j * numbers("<f8"))
    yield numcodecs.AsType("|u1", "<f8"), np.array([256, 257.5, -1, -300.7, 2147483647.0, np.nan, 1e10])
    yield numcodecs.AsType("<i4", "<f8"), np.array([2147483647.0, -2147483648.0, np.nan, np.inf, 1e300, 3e9])
    yield numcodecs.AsType("<u4", "<f8"), np.array([4294967295.0, 0.5, 3e9])


def seen_as():
    """Filters that look at the bits of their input as at another type of that size."""
    days = np.array([0, 1, 365, -719162, 2932896, np.iinfo("i8").min, 7, 7], "<i8")
    yield numcodecs.Delta("<i8"), days.view("<M8[D]")
    yield numcodecs.Delta("<i8", "<i4"), days[6:].view("<m8[s]")
    yield numcodecs.AsType("<i4", "<i8"), days[:5].view("<M8[D]")
    yield numcodecs.FixedScaleOffset(100, 1, "<i8", "<i4"), days[:5].view("<M8[D]")
    yield numcodecs.Delta("<i4"), numbers("<f4")


def main():
    with open(pathlib.Path(__file__).parent / "filters.txt", "w", encoding="ascii") as output:
        for make in delta, fixedscaleoffset, quantize, bitround, packbits, astype, seen_as:
            for codec, values in make():
                print(line(codec, values), file=output)


main()
