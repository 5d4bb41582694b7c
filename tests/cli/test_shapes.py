"""resize, append, create --like and attr: other shapes and attributes, as zarr-python sees them."""

import json
import subprocess

import numpy as np
import pytest
import zarr


def opened(tmp_path, name="a.zarr"):
    return zarr.open_array(tmp_path / name, mode="r")


def test_resize_shows_the_fill_value(tessera, tmp_path, counting):
    tessera.run("resize", "a.zarr", "5,3")
    assert np.array_equal(opened(tmp_path)[:], counting[:5, :3])
    assert sorted(p.name for p in (tmp_path / "a.zarr" / "c" / "0").iterdir()) == ["0"]
    tessera.run("resize", "a.zarr", "x=12,y=7")
    expected = np.zeros((7, 12), "int32")
    expected[:5, :3] = counting[:5, :3]
    assert np.array_equal(opened(tmp_path)[:], expected)
    tessera.run("check", "a.zarr", "--data")


def test_what_zarr_python_left_is_not_seen(tessera, tmp_path, counting):
    """zarr-python keeps the cells of a chunk that a shrinking cuts."""
    zarr.open_array(tmp_path / "a.zarr", mode="r+").resize((2, 10))
    assert (tmp_path / "a.zarr" / "c" / "0" / "0").exists()
    tessera.run("resize", "a.zarr", "6,10")
    expected = counting.copy()
    expected[2:] = 0
    assert np.array_equal(opened(tmp_path)[:], expected)


def test_keep_chunks_brings_back_what_fell_off(tessera, tmp_path, counting):
    tessera.run("resize", "a.zarr", "0,0", "--keep-chunks")
    tessera.run("resize", "a.zarr", "6,10", "--keep-chunks")
    assert np.array_equal(opened(tmp_path)[:], counting)


@pytest.mark.parametrize("lengths, says", [("5", "1 lengths for the 2 axes"), ("5,-1", "'-1' is not a length"),
                                           ("z=5", "no dimension 'z'"), ("y=5,3", "a name, or none"),
                                           ("1,2,3", "2 axes"), ("a,b", "'a' is not a length")])
def test_lengths_that_are_none(tessera, counting, lengths, says):
    assert says in tessera.error("resize", "a.zarr", lengths, status=2)


def test_dry_runs_change_nothing(tessera, tmp_path, counting):
    assert "(1, 10) instead of (6, 10)" in tessera.run("resize", "-n", "a.zarr", "y=1").out
    np.save(tmp_path / "more.npy", np.ones((1, 10), "int32"))
    assert "axis 0" in tessera.run("append", "-n", "more.npy", "a.zarr").out
    assert opened(tmp_path).shape == (6, 10)


@pytest.mark.parametrize("axis, number", [((), 0), (("--axis", "x"), 1), (("--axis", "-1"), 1), (("--axis", "0"), 0)])
def test_append(tessera, tmp_path, counting, axis, number):
    shape = [6, 10]
    shape[number] = 5
    more = np.arange(50 if number == 0 else 30, dtype="int32").reshape(shape) + 100
    np.save(tmp_path / "more.npy", more)
    for _ in range(2):
        tessera.run("append", "more.npy", "a.zarr", *axis)
    assert np.array_equal(opened(tmp_path)[:], np.concatenate([counting, more, more], axis=number))


def test_appending_what_does_not_fit(tessera, tmp_path, counting):
    np.save(tmp_path / "more.npy", np.ones((1, 9), "int32"))
    assert "axis 1 is 10 long, and 9" in tessera.error("append", "more.npy", "a.zarr", status=2)
    np.save(tmp_path / "more.npy", np.ones((1, 10), "float64"))
    assert "--casting" in tessera.error("append", "more.npy", "a.zarr", status=2)
    tessera.run("append", "more.npy", "a.zarr", "--casting", "unsafe")
    assert opened(tmp_path).shape == (7, 10)
    assert "the limit is" in tessera.error("append", "a.zarr", "a.zarr", "--memory", "100", status=8)


@pytest.mark.parametrize("axis,number", [([], 0), (["--axis", "x"], 1)])
def test_frames_from_standard_input(tessera, tmp_path, axis, number):
    """A shard holds four frames: nine of them are two shards that are written once, and a third."""
    shape = [0, 7] if number == 0 else [7, 0]
    shards, chunks = ("4,7", "2,7") if number == 0 else ("7,4", "7,2")
    tessera.run("create", "f.zarr", "--shape", ",".join(map(str, shape)), "--dtype", "uint16",
                "--chunks", chunks, "--shards", shards, "--dimension-names", "y,x")
    frames = np.arange(63, dtype="<u2").reshape(9, 7)
    tessera.run("append", "-", "f.zarr", *axis, input=frames.tobytes())
    expected = frames if number == 0 else frames.T
    assert np.array_equal(opened(tmp_path, "f.zarr")[:], expected)
    tessera.run("append", "-", "f.zarr", *axis, input=b"")
    tessera.run("append", "-", "f.zarr", *axis, input=frames[:2].tobytes())
    assert np.array_equal(opened(tmp_path, "f.zarr")[:],
                          np.concatenate([expected, expected.take([0, 1], number)], number))
    tessera.run("check", "f.zarr", "--data")


def test_a_stream_that_breaks_off(tessera, tmp_path, counting):
    """Whole frames are kept, the rest is told."""
    error = tessera.error("append", "-", "a.zarr", status=2, input=bytes(2 * 40 + 13))
    assert "ends within a frame: 13 bytes where one has 40" in error
    assert "2 whole frames were appended" in error
    assert np.array_equal(opened(tmp_path)[:], np.concatenate([counting, np.zeros((2, 10), "i4")]))
    assert "the limit of the writer is 100 bytes" in tessera.error(
        "append", "-", "a.zarr", "--memory", "100", status=8, input=b"")
    assert "would append frames along axis 0" in tessera.run("append", "-n", "-", "a.zarr", input=b"").out


def test_several_programs_append(tessera, program, tmp_path):
    tessera.run("create", "log", "--shape", "0,4", "--dtype", "int32", "--chunks", "3,4")
    runs = []
    for number in range(1, 9):
        np.save(tmp_path / f"{number}.npy", np.full((5, 4), number, "int32"))
        runs.append(subprocess.Popen([program, "append", f"{number}.npy", "log"], cwd=tmp_path))
    assert [run.wait(timeout=120) for run in runs] == [0] * 8
    values = opened(tmp_path, "log")[:]
    assert values.shape == (40, 4)
    blocks = values.reshape(8, 20)
    assert (blocks == blocks[:, :1]).all() and sorted(blocks[:, 0]) == list(range(1, 9))


def test_create_like(tessera, tmp_path, tree):
    tessera.run("create", "new", "--like", "t.zarr/sharded")
    old, new = zarr.open_array(tmp_path / "t.zarr" / "sharded", mode="r"), opened(tmp_path, "new")
    assert new.metadata.to_dict() == old.metadata.to_dict() and new.nchunks_initialized == 0
    tessera.run("create", "longer", "--like", "t.zarr/sharded", "--shape", "100,24", "--dtype", "float64")
    longer = opened(tmp_path, "longer")
    assert longer.shape == (100, 24) and longer.dtype == "float64" and longer.shards == old.shards
    assert dict(longer.attrs) == {"units": "m"}
    assert "2 axes" in tessera.error("create", "x", "--like", "t.zarr/sharded", "--shape", "3", status=2)
    tessera.error("create", "x", "--like", "nowhere", status=3)


@pytest.mark.parametrize("place, opener", [("t.zarr", zarr.open_group), ("t.zarr/sharded", zarr.open_array)])
def test_attr(tessera, tmp_path, tree, place, opener):
    before = dict(opener(tmp_path / place, mode="r").attrs)
    tessera.run("attr", place, "units=K", "valid_range=[180, 330.50]", "empty=", 'note="12"', "n=12")
    expected = before | {"units": "K", "valid_range": [180, 330.5], "empty": "", "note": "12", "n": 12}
    assert dict(opener(tmp_path / place, mode="r").attrs) == expected
    assert json.loads(tessera.run("attr", place).out) == expected
    tessera.run("attr", place, "--remove", "units", "--remove", "nobody", "n=13")
    del expected["units"]
    assert dict(opener(tmp_path / place, mode="r").attrs) == expected | {"n": 13}
    assert "NAME=VALUE" in tessera.error("attr", place, "units", status=2)


def test_attributes_set_at_the_same_time_all_stay(tessera, program, tmp_path, counting):
    runs = [subprocess.Popen([program, "attr", "a.zarr", f"n{i}={i}"], cwd=tmp_path) for i in range(12)]
    assert [run.wait(timeout=120) for run in runs] == [0] * 12
    assert dict(opened(tmp_path).attrs) == {f"n{i}": i for i in range(12)}


def test_attr_of_v2(tessera, tmp_path):
    zarr.create_array(tmp_path / "v2", shape=(3,), dtype="int8", zarr_format=2, attributes={"_ARRAY_DIMENSIONS": ["x"]})
    tessera.run("attr", "v2", "a=1")
    assert json.loads((tmp_path / "v2" / ".zattrs").read_text()) == {"_ARRAY_DIMENSIONS": ["x"], "a": 1}
    tessera.run("resize", "v2", "x=5")
    assert opened(tmp_path, "v2").shape == (5,)
