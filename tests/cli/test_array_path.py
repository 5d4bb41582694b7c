"""The call form `tessera --array_path=DIR` of conformance tests: fill-value JSON, one element a line."""

import json

import numpy as np
import pytest
import zarr


def as_fill_value(element):
    """What the Zarr specification writes for an element; independent of the program."""
    if isinstance(element, (bool, np.bool_)):
        return bool(element)
    if isinstance(element, np.integer):
        return int(element)
    if isinstance(element, np.complexfloating):
        return [as_fill_value(element.real), as_fill_value(element.imag)]
    number = float(element)
    if np.isnan(number):
        return "NaN"
    if np.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "int64", "float16", "float32", "float64",
                                   "complex64", "complex128"])
def test_every_element_in_c_order(tessera, tmp_path, zarr_format, dtype):
    random = np.random.default_rng(1)
    values = (random.standard_normal((7, 5)) * 100).astype(dtype)
    if values.dtype.kind in "fc":
        values.flat[:4] = [np.nan, np.inf, -np.inf, -0.0]
    if dtype == "uint64":
        values[0, 0] = 2**64 - 1
    array = zarr.create_array(tmp_path / "a", shape=values.shape, chunks=(3, 2), dtype=dtype,
                              zarr_format=zarr_format)
    array[:] = values
    lines = tessera.run(f"--array_path={tmp_path / 'a'}").out.splitlines()
    assert len(lines) == values.size
    for line, element in zip(lines, values.flat):
        expected = as_fill_value(element)
        got = json.loads(line)
        if isinstance(expected, float) or (isinstance(expected, list)):
            # A shorter decimal may stand for the same bits.
            assert np.array_equal(np.array(parse(got), dtype), np.array(parse(expected), dtype),
                                  equal_nan=True)
        else:
            assert got == expected and type(got) is type(expected)


def parse(value):
    if isinstance(value, list):
        return complex(*(float(part) for part in value))
    return value if isinstance(value, (bool, int)) else float(value)


def test_scalar_and_empty(tessera, tmp_path):
    zarr.create_array(tmp_path / "s", shape=(), dtype="int16", fill_value=-3)
    zarr.create_array(tmp_path / "e", shape=(3, 0), dtype="int16")
    assert tessera.run(f"--array_path={tmp_path / 's'}").out == "-3\n"
    assert tessera.run("--array_path", tmp_path / "s").out == "-3\n"
    assert tessera.run(f"--array_path={tmp_path / 'e'}").out == ""


def test_a_damaged_array_prints_nothing_and_is_status_4(tessera, counting, tmp_path):
    (tmp_path / "a.zarr" / "c" / "1" / "2").write_bytes(b"")
    tessera.error("--array_path=a.zarr", status=4)


@pytest.mark.parametrize("arguments, status", [
    (["--array_path=missing.zarr"], 3),
    (["--array_path="], 2),
    (["--array_path"], 2),
    (["--array_path=a.zarr", "more"], 2),
    (["--array_paths=a.zarr"], 2),
])
def test_failures(tessera, counting, arguments, status):
    tessera.error(*arguments, status=status)
