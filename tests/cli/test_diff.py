"""diff: by value, whatever the chunks, codecs and formats."""

import numpy as np
import pytest
import zarr


def test_same_values_stored_differently(tessera, tmp_path, counting):
    zarr.create_array(tmp_path / "b", data=counting, chunks=(5, 3), zarr_format=2, order="F")
    np.save(tmp_path / "c.npy", counting)
    for other in ("b", "c.npy", "a.zarr"):
        assert tessera.run("diff", "a.zarr", other).stdout == b""
    assert tessera.json("diff", "a.zarr", "b", schema="diff") == {
        "first": "a.zarr", "second": "b", "same": True, "arrays": 1, "differences": []}


def test_where_and_how_many(tessera, tmp_path, counting):
    other = counting.copy()
    other[5, 1] = 1000
    other[4, 9] -= 3
    other[5, 0] += 1
    # Chunks that are wide and flat, so that the first difference is not in the first block that has one.
    zarr.create_array(tmp_path / "b", data=other, chunks=(6, 2))
    for memory in ("1", "100", "1GiB"):
        report = tessera.json("diff", "b", "a.zarr", "--memory", memory, schema="diff", status=1)
        difference, = report["differences"]
        assert (difference["differing"], difference["count"], difference["index"]) == (3, 60, [4, 9])
        assert (difference["first"], difference["second"], difference["largest"]) == (46, 49, 949)
    out = tessera.run("diff", "b", "a.zarr", status=1).out
    assert out == "b: 3 of 60 elements differ, first at [4, 9]: 46, 49; by at most 949\n"


def test_nan_and_zeros(tessera, tmp_path):
    a = np.array([np.nan, 0.0, 1.0])
    b = np.array([-np.nan, -0.0, 1.0])
    zarr.create_array(tmp_path / "a", data=a)
    zarr.create_array(tmp_path / "b", data=b)
    tessera.run("diff", "a", "b")
    zarr.create_array(tmp_path / "c", data=np.array([1.0, np.nan, 1.0]))
    difference, = tessera.json("diff", "a", "c", schema="diff", status=1)["differences"]
    assert (difference["differing"], difference["index"], difference["first"]) == (2, [0], "NaN")
    zarr.create_array(tmp_path / "d", data=a.astype("c16"))
    zarr.create_array(tmp_path / "e", data=b.astype("c16"))
    tessera.run("diff", "d", "e")


def test_shape_and_type(tessera, tmp_path, counting):
    zarr.create_array(tmp_path / "b", data=counting[:5])
    zarr.create_array(tmp_path / "c", data=counting.astype("i8"))
    difference, = tessera.json("diff", "a.zarr", "b", schema="diff", status=1)["differences"]
    assert (difference["difference"], difference["first"], difference["second"]) == ("shape", "(6, 10)", "(5, 10)")
    assert tessera.run("diff", "a.zarr", "c", status=1).out == "a.zarr: type differs: int32, int64\n"
    # Parts of the same shape can be compared.
    tessera.run("diff", "a.zarr[:5]", "b")
    tessera.run("diff", "a.zarr", "b", "--select", "2:4", status=0)


def test_trees(tessera, tmp_path, tree):
    tessera.run("cp", "-r", "t.zarr", "u.zarr")
    other = zarr.open_group(tmp_path / "u.zarr", mode="a")
    other["sharded"][3, 4] = -1
    other.create_array("more", shape=(2,), dtype="u1")
    del other["inner/deep"]
    del other["plain"]
    other.create_group("plain")
    report = tessera.json("diff", "t.zarr", "u.zarr", schema="diff", status=1)
    assert [(row["path"], row["difference"]) for row in report["differences"]] == [
        ("inner/deep", "existence"), ("plain", "kind"), ("sharded", "elements"), ("more", "existence")]
    out = tessera.run("diff", "t.zarr", "u.zarr", status=1).out
    assert "inner/deep: only in the first\n" in out and "more: only in the second\n" in out


def test_empty_and_scalar(tessera, tmp_path):
    for name, shape in (("e", (0, 3)), ("s", ())):
        zarr.create_array(tmp_path / name, shape=shape, dtype="f4")
        tessera.run("diff", name, name)


def test_failures(tessera, tmp_path, tree, counting):
    tessera.error("diff", "a.zarr", "missing", status=3)
    tessera.error("diff", "a.zarr", status=2)
    tessera.error("diff", "a.zarr", "t.zarr", status=2)
    (tmp_path / "a.zarr" / "c" / "0" / "0").write_bytes(b"")
    tessera.error("diff", "a.zarr", "a.zarr", status=4)
    array = zarr.create_array(tmp_path / "h", shape=(2**62,), chunks=(1,), dtype="u1")
    assert "--select" in tessera.error("diff", "h", "h", status=8)
    array[2**60] = 1
    tessera.run("diff", "h", "h", "--select", f"{2**60 - 2}:{2**60 + 2}")
