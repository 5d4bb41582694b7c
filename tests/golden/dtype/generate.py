#!/usr/bin/env python3
"""Writes NAME.table beside this file for each number of at most 8 bits, as ml_dtypes has it.

They prove that Tessera gives each bit pattern the value that ml_dtypes gives it, and rounds doubles to the same
patterns; test_float_format.c and test_narrow.c read them. Run it only to follow a new release of ml_dtypes (its
version is in tools/requirements.txt):

    build/venv/bin/python tests/golden/dtype/generate.py

A table is, little-endian: the value of each pattern as a double; and for floats one byte for each of these doubles,
the pattern that ml_dtypes makes of it: for each pair of neighbouring finite patterns from 0 up, the middle between
them, the float32 below it, the float32 above it, then the same three negative; then those of SPECIAL. (Doubles go by
way of float32 in ml_dtypes, so the neighbours of a middle among the doubles would be rounded twice.)"""
import pathlib
import warnings

import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).parent
INTEGERS = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4}
FLOATS = {"float4_e2m1fn": 4, "float6_e2m3fn": 6, "float6_e3m2fn": 6, "float8_e3m4": 8, "float8_e4m3": 8,
          "float8_e4m3fn": 8, "float8_e4m3b11fnuz": 8, "float8_e4m3fnuz": 8, "float8_e5m2": 8, "float8_e5m2fnuz": 8,
          "float8_e8m0fnu": 8}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, -1e-300, 5e-324, 1.0, -1.0, 465.0, 1e5, -1e5]


def to_patterns(doubles, dtype):
    return np.array(doubles, np.float64).astype(dtype).view(np.uint8)


def middles(values):
    """Between neighbours that are finite. Not below 2^-126 (in float8_e8m0fnu), where float32 is subnormal and
    ml_dtypes rounds numbers below the middle up."""
    for low, high in zip(values, values[1:]):
        if np.isfinite(low) and np.isfinite(high) and high > low and (low == 0 or low >= 2.0**-126):
            middle = np.float32(low / 2 + high / 2)
            three = [middle, np.nextafter(middle, np.float32(-np.inf)), np.nextafter(middle, np.float32(np.inf))]
            yield from three + [-value for value in three]


def main():
    warnings.simplefilter("ignore")
    for name, bits in {**INTEGERS, **FLOATS}.items():
        dtype = np.dtype(getattr(ml_dtypes, name))
        values = np.arange(2**bits, dtype=np.uint8).view(dtype).astype(np.float64)
        table = values.astype("<f8").tobytes()
        if name in FLOATS:
            points = list(middles(values)) + SPECIAL
            table += to_patterns(points, dtype).tobytes()
        (HERE / f"{name}.table").write_bytes(table)


if __name__ == "__main__":
    main()
