"""--parity: shards from which check --repair computes what is damaged. Other programs read them as ever (proved with
zarr-python, zarrs and tensorstore in tests/interop/test_parity.py), and drop the parity when they write."""

import pathlib
import shutil

import numpy as np
import pytest
import zarr

VALUES = np.random.default_rng(7).integers(1, 60000, (96, 128), dtype="u2")
CREATE = ["--shape", "96,128", "--dtype", "u2", "--chunks", "16,16", "--shards", "96,64", "--codec", "zstd:1"]


@pytest.fixture(params=["end", "start"])
def array(tessera, tmp_path, request):
    np.save(tmp_path / "values.npy", VALUES)
    tessera.run("create", "a", *CREATE, "--index-location", request.param, "--parity", "8+4")
    tessera.run("put", "values.npy", "a")
    return tmp_path / "a"


def shards(array):
    return [array / "c" / "0" / "0", array / "c" / "0" / "1"]


def overwrite(path, start, size):
    data = bytearray(path.read_bytes())
    data[start:start + size] = bytes(byte ^ 0xa5 for byte in data[start:start + size])
    path.write_bytes(data)


def test_it_is_said_and_kept(tessera, array):
    assert tessera.json("info", "a", schema="info")["parity"] == "8+4"
    assert "parity" in tessera.run("info", "a").out
    for name, options, expected in (("same", [], "8+4"), ("more", ["--parity", "10%"], "40+4"),
                                    ("none", ["--parity", "none"], None), ("plain", ["--shards", "none"], None),
                                    ("other", ["--chunks", "8,8", "--shards", "32,32"], "8+4"),
                                    ("two", ["--zarr-format", "2"], None)):
        tessera.run("cp", "a", name, *options)
        assert tessera.json("info", name, schema="info")["parity"] == expected, name
        np.testing.assert_array_equal(zarr.open_array(array.parent / name, mode="r")[:], VALUES)
        report = tessera.json("check", name, "--data", schema="check")
        assert report["findings"] == [] and (report["parity_bytes"] > 0) == (expected is not None)


@pytest.mark.parametrize("start,size", [(0, 1), (700, 3000), (-1, 1), (-9000, 9000)])
def test_damage_is_computed_back(tessera, array, start, size):
    path = shards(array)[0]
    sound = path.read_bytes()
    overwrite(path, start % len(sound), size)
    damaged = path.read_bytes()
    report = tessera.json("check", "a", "--data", schema="check", status=1)
    assert "parity" in {finding["kind"] for finding in report["findings"]}
    plan = tessera.json("check", "a", "--data", "--repair", "--dry-run", schema="check", status=1)
    assert path.read_bytes() == damaged
    report = tessera.json("check", "a", "--data", "--repair", schema="check")
    repair = report["repair"]
    assert plan["repair"]["chunks"][0]["rebuilt_blocks"] == repair["chunks"][0]["rebuilt_blocks"]
    assert (repair["rebuilt"], repair["lost_chunks"]) == (1, 0)
    assert path.read_bytes() == sound
    assert (path.parent / "__damaged-1.0").read_bytes() == damaged
    np.testing.assert_array_equal(zarr.open_array(array, mode="r")[:], VALUES)
    assert {finding["kind"] for finding in tessera.json("check", "a", "--data", schema="check")["findings"]} == {"kept"}


@pytest.mark.parametrize("array", ["end"], indirect=True)
def test_a_tail_that_is_gone_is_computed_back(tessera, array):
    path = shards(array)[1]
    sound = path.read_bytes()
    path.write_bytes(sound[:-2000])  # the index, a directory, and some parity
    out = tessera.run("check", "a", "--repair").out
    assert "its index put right" in out and path.read_bytes() == sound


def test_too_much_damage_is_told_and_the_rest_saved(tessera, array):
    path = shards(array)[0]
    size = path.stat().st_size
    overwrite(path, 3000, size // 2)
    report = tessera.json("check", "a", "--data", "--repair", schema="check", status=1)
    assert any("cannot be computed" in finding["problem"] for finding in report["findings"])
    lost = {tuple(row["index"]) for row in report["repair"]["lost"]}
    assert 0 < len(lost) < 24
    expected = VALUES.copy()
    for row, column in lost:
        expected[16 * row:16 * row + 16, 16 * column:16 * column + 16] = 0
    np.testing.assert_array_equal(zarr.open_array(array, mode="r")[:], expected)
    # What is left has parity again.
    overwrite(path, 1000, 600)
    assert tessera.json("check", "a", "--data", "--repair", schema="check")["repair"]["lost_chunks"] == 0
    np.testing.assert_array_equal(zarr.open_array(array, mode="r")[:], expected)


def test_what_other_programs_write_gets_it_from_compact(tessera, array):
    zarr.open_array(array, mode="r+")[:, :64] = VALUES[::-1, :64]
    report = tessera.json("check", "a", "--data", schema="check")
    assert [finding["kind"] for finding in report["findings"]] == ["no parity"]
    assert report["findings"][0]["problem"].startswith("1 shard is")
    plan = tessera.json("compact", "a", "--dry-run", schema="compact")
    assert plan["won_bytes"] < 0 and plan["compacted"] == 1
    assert "of parity added in 1 shard" in tessera.run("compact", "a").out
    assert tessera.json("check", "a", "--data", schema="check")["findings"] == []
    assert "nothing to win" in tessera.run("compact", "a").out
    np.testing.assert_array_equal(zarr.open_array(array, mode="r")[:, :64], VALUES[::-1, :64])


def test_appending_and_writing_in_parts(tessera, array, tmp_path):
    np.save(tmp_path / "part.npy", VALUES[:5, :7])
    tessera.run("put", "part.npy", "a[10:15,60:67]")
    tessera.run("append", "values.npy", "a", "--axis", "0")
    assert tessera.json("check", "a", "--data", schema="check")["findings"] == []
    expected = np.concatenate([VALUES, VALUES])
    expected[10:15, 60:67] = VALUES[:5, :7]
    path = shards(array)[0]
    overwrite(path, 2000, 2000)
    tessera.run("check", "a", "--data", "--repair")
    np.testing.assert_array_equal(zarr.open_array(array, mode="r")[:], expected)


@pytest.mark.parametrize("options,words,status", [
    (["--parity", "10"], "not understood", 2),
    (["--parity", "4+5"], "not understood", 2),
    (["--parity", "10%", "--zarr-format", "2"], "Zarr v3", 2),
    (["--parity", "10%"], "parity needs shards", 2),
])
def test_failures(tessera, options, words, status):
    error = tessera.run("create", "b", "--shape", "8,8", "--dtype", "u1", "--chunks", "4,4", *options, status=status)
    assert words in error.err


def test_a_shard_that_was_put_elsewhere_keeps_it(tessera, array):
    shutil.copytree(array, array.parent / "moved")
    path = pathlib.Path(array.parent / "moved" / "c" / "0" / "0")
    overwrite(path, 0, 1500)
    tessera.run("check", "moved", "--data", "--repair")
    np.testing.assert_array_equal(zarr.open_array(array.parent / "moved", mode="r")[:], VALUES)


def test_in_a_tree_arrays_without_shards_have_none(tessera, tmp_path):
    root = zarr.create_group(tmp_path / "t")
    root.create_array("map", data=np.arange(64, dtype="int16").reshape(8, 8))
    root.create_array("x", data=np.arange(8))
    tessera.run("cp", "-r", "t", "p", "--chunks", "2,2", "--shards", "4,4", "--parity", "25%")
    assert "parity" in tessera.run("info", "p/map").out and "parity" not in tessera.run("info", "p/x").out
    assert "shards" in tessera.error("cp", "t/x", "px", "--parity", "25%", status=2)
