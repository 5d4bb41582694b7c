"""cat --where: the elements that NumPy finds, where it finds them."""

import csv
import io
import json
import os

import numpy as np
import pytest
import zarr


def found(tessera, *arguments):
    rows = json.loads(tessera.run("cat", *arguments, "--format", "json").out)
    return [tuple(row["index"]) for row in rows], [row["value"] for row in rows]


def make(path, values, chunks=(3, 4), **options):
    array = zarr.create_array(path, shape=values.shape, chunks=chunks, dtype=values.dtype, **options)
    array[...] = values
    return values


CONDITIONS = {
    "x > 3": lambda x: x > 3,
    "3<x": lambda x: x > 3,
    "x >= -2.5 and x <= 3": lambda x: (x >= -2.5) & (x <= 3),
    "-1 <= x < 5 or x == 9": lambda x: (x >= -1) & (x < 5) | (x == 9),
    "not (x < 0 or x > 7)": lambda x: ~((x < 0) | (x > 7)),
    "not x < 0 and x != 3": lambda x: ~(x < 0) & (x != 3),
    "x == 1 or x == 2 and x == 3": lambda x: (x == 1) | (x == 2) & (x == 3),
    "9 >= x > 4": lambda x: (x <= 9) & (x > 4),
    "x != x": lambda x: x != x,
    "x < 1e300": lambda x: x < np.float64(1e300),
    "x >= Infinity": lambda x: x == np.inf,
}


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64", "bool"])
def test_as_numpy(tessera, tmp_path, dtype):
    generator = np.random.default_rng(3)
    values = generator.integers(-5, 12, (10, 11)).astype(dtype)
    if values.dtype.kind == "f":
        values[2, 3], values[4, 5], values[9, 0] = np.nan, np.inf, -np.inf
    make(tmp_path / "a", values, shards=(6, 8))
    for condition, holds in CONDITIONS.items():
        with np.errstate(all="ignore"):
            expected = np.argwhere(holds(values.astype("float64")))
        positions, elements = found(tessera, "a", "--where", condition)
        assert positions == [tuple(map(int, at)) for at in expected], condition
        assert [float(str(element).replace("True", "1").replace("False", "0")) for element in elements] == pytest.approx(
            [float(values[at]) for at in positions], nan_ok=True)


def test_integers_of_64_bits_are_compared_exactly(tessera, tmp_path):
    make(tmp_path / "s", np.array([2**53, 2**53 + 1, 2**53 + 2, -2**63, 2**63 - 1]), (2,))
    make(tmp_path / "u", np.array([2**64 - 1, 2**64 - 2, 2**63, 0], "u8"), (2,))
    assert found(tessera, "s", "--where", f"x == {2**53 + 1}")[1] == [2**53 + 1]
    assert found(tessera, "s", "--where", f"x > {2**53 + 1}")[1] == [2**53 + 2, 2**63 - 1]
    assert found(tessera, "s", "--where", f"x <= {-2**63}")[1] == [-2**63]
    assert found(tessera, "s", "--where", f"x < {2**64 - 1}")[0] == [(0,), (1,), (2,), (3,), (4,)]
    assert found(tessera, "u", "--where", f"x > {2**64 - 2}")[1] == [2**64 - 1]
    assert found(tessera, "u", "--where", f"x > {-1} and x < {2**63 + 0.5}")[1] == [2**63, 0]


def test_numbers_are_rounded_to_the_type(tessera, tmp_path):
    make(tmp_path / "f", np.array([0.1, 0.2, 0.30000001], "f4"), (2,))
    assert found(tessera, "f", "--where", "x == 0.1")[0] == [(0,)]
    assert found(tessera, "f", "--where", "0.1 < x <= 0.2")[0] == [(1,)]


def test_positions_are_those_of_the_array(tessera, counting):
    for selection, picked in (("[::-2, 3:9:2]", np.s_[::-2, 3:9:2]), ("[4]", np.s_[4]), ("[1:, [7, 2]]", np.s_[1:, [7, 2]])):
        place = np.arange(60).reshape(6, 10)[picked]
        positions, elements = found(tessera, f"a.zarr{selection}", "--where", "x >= 13")
        assert elements == [int(v) for v in place.ravel() if v >= 13]
        assert positions == [divmod(v, 10) for v in elements]
    assert found(tessera, "a.zarr", "--memory", "64", "--where", "x == 37 or x == 41")[0] == [(3, 7), (4, 1)]


def test_forms(tessera, tmp_path, counting):
    assert tessera.run("cat", "a.zarr", "--where", "x >= 58").out == "[5, 8] 58\n[5, 9] 59\n"
    rows = list(csv.reader(io.StringIO(tessera.run("cat", "a.zarr", "--where", "x < 2", "--format", "csv").out)))
    assert rows == [["y", "x", "value"], ["0", "0", "0"], ["0", "1", "1"]]
    assert tessera.run("cat", "a.zarr", "--where", "x > 99").out == ""
    assert tessera.run("cat", "a.zarr", "--where", "x > 99", "--format", "json").out == "[]\n"
    make(tmp_path / "s", np.array(np.nan), ())
    assert tessera.run("cat", "s", "--where", "x != x").out == "[] NaN\n"
    assert tessera.run("cat", "s", "--where", "x != x", "--format", "csv").out == "value\nNaN\n"


@pytest.mark.parametrize("condition", [
    "", "x", "x >", "> 3", "x = 3", "x > y", "1 < 2", "x > 3 and", "x > 3 4", "(x > 3", "x > 3)", "not", "x >> 3",
    "x > 3 or or x < 1", "x > 0x", "(" * 40 + "x > 1" + ")" * 40, " or ".join(["x == 1"] * 100), "x > " + "1" * 100])
def test_what_is_no_condition(tessera, counting, condition):
    assert "at character" in tessera.error("cat", "a.zarr", "--where", condition, status=2)


def test_what_cannot_be_compared(tessera, tmp_path, counting):
    make(tmp_path / "c", np.zeros((2, 2), "c8"))
    tessera.error("cat", "c", "--where", "x > 1", status=8)
    for form in ("npy", "raw"):
        tessera.error("cat", "a.zarr", "--where", "x > 1", "--format", form, status=2)
    tessera.run("create", "h", "--shape", f"{2**62}", "--chunks", "2", "--dtype", "u1")
    assert "--select" in tessera.error("cat", "h", "--where", "x > 1", status=8)
    assert tessera.run("cat", "h[0:9]", "--where", "x > 1").out == ""


@pytest.mark.parametrize("dtype", ["int16", "uint64", "float32"])
def test_kept_statistics_change_nothing(tessera, tmp_path, dtype):
    random = np.random.default_rng(11)
    values = (np.add.outer(np.arange(40), np.arange(36)) / 8).astype(dtype)
    values[random.random(values.shape) < 0.1] = 9
    if dtype == "float32":
        values[20:22] = np.nan
        values[0, 0] = np.inf
    for name, options in [("a", ["--statistics"]), ("b", [])]:
        tessera.run("create", name, "--shape", "40,36", "--dtype", dtype, "--chunks", "5,6", "--fill-value", "9",
                    *options)
        np.save(tmp_path / "v.npy", values)
        tessera.run("put", "v.npy", name)
    for condition in CONDITIONS:
        for part in ["", "[3:30, 7]", "[::-1, 2:]", "[5, 5]", "[[1, 30], :]"]:
            assert (tessera.run("cat", "a" + part, "--where", condition).out ==
                    tessera.run("cat", "b" + part, "--where", condition).out)


def test_chunks_that_cannot_match_are_not_read(tessera, tmp_path):
    values = np.arange(64 * 64, dtype="int32").reshape(64, 64)
    tessera.run("create", "a", "--shape", "64,64", "--dtype", "int32", "--chunks", "8,8", "--shards", "32,32",
                "--statistics")
    np.save(tmp_path / "v.npy", values)
    tessera.run("put", "v.npy", "a")
    for key in ["0/0", "0/1", "1/0"]:
        file = tmp_path / "a/c" / key
        status = file.stat()
        with open(file, "r+b") as opened:
            opened.write(b"\xee" * status.st_size)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    where, got = found(tessera, "a", "--where", "x > 4090 or x == 63.5")
    assert got == list(range(4091, 4096)) and where[0] == (63, 59)
    tessera.error("cat", "a", "--where", "x == 5", status=4)
