"""cp: copies that are re-chunked, re-sharded, re-coded, converted; read back by zarr-python."""

import json

import numpy as np
import pytest
import zarr


def codec_names(path):
    document = json.loads((path / "zarr.json").read_text())
    codecs = document["codecs"]
    if codecs[0]["name"] == "sharding_indexed":
        codecs = codecs[0]["configuration"]["codecs"]
    return [codec["name"] for codec in codecs]


def test_without_options_nothing_changes(tessera, tmp_path, tree):
    tessera.run("cp", "t.zarr/sharded", "u.zarr/copy")
    old, new = tree["sharded"], zarr.open_array(tmp_path / "u.zarr" / "copy", mode="r")
    assert (new.chunks, new.shards, dict(new.attrs)) == (old.chunks, old.shards, dict(old.attrs))
    assert new.metadata.codecs == old.metadata.codecs
    assert new.metadata.dimension_names == old.metadata.dimension_names
    assert np.array_equal(new[:], old[:])
    # The encoded bytes were moved as they are.
    assert (tmp_path / "u.zarr/copy/c/0/0").read_bytes() == (tmp_path / "t.zarr/sharded/c/0/0").read_bytes()


def test_layout_and_codec(tessera, tmp_path, tree):
    tessera.run("cp", "t.zarr/sharded", "u", "--chunks", "lat=-1,lon=3", "--shards", "16,6", "--codec",
                "blosc:lz4:5:shuffle")
    new = zarr.open_array(tmp_path / "u", mode="r")
    assert (new.chunks, new.shards) == ((16, 3), (16, 6)) and "blosc" in codec_names(tmp_path / "u")
    assert np.array_equal(new[:], tree["sharded"][:])
    tessera.run("cp", "u", "v", "--shards", "none")
    new = zarr.open_array(tmp_path / "v", mode="r")
    assert new.shards is None and new.chunks == (16, 3) and "blosc" in codec_names(tmp_path / "v")
    tessera.run("cp", "v", "w", "--codec", "none", "--chunks", "5,7")
    assert zarr.open_array(tmp_path / "w", mode="r").chunks == (5, 7)
    tessera.run("diff", "w", "t.zarr/sharded")


def test_trees(tessera, tmp_path, tree):
    assert "cp -r" in tessera.error("cp", "t.zarr", "u.zarr", status=2)
    result = tessera.run("cp", "-r", "t.zarr", "u.zarr")
    assert result.err.startswith("copied 3 arrays, 1.5 KiB -> ")
    copy = zarr.open_group(tmp_path / "u.zarr", mode="r")
    assert dict(copy.attrs) == dict(tree.attrs) and copy["inner/deep"][()] == 7
    tessera.run("diff", "t.zarr", "u.zarr")
    assert not list((tmp_path / "u.zarr").rglob("__*"))


@pytest.mark.parametrize("there, back", [("2", "3"), ("3", "2")])
def test_between_zarr_versions(tessera, tmp_path, there, back):
    values = np.arange(60, dtype="f4").reshape(6, 10)
    options = {"order": "F"} if there == "2" else {}
    zarr.create_array(tmp_path / "a", data=values, chunks=(4, 3), zarr_format=int(there), fill_value=-1,
                      attributes={"k": 1}, **options)
    tessera.run("cp", "a", "b", "--zarr-format", back)
    new = zarr.open_array(tmp_path / "b", mode="r")
    assert new.metadata.zarr_format == int(back) and new.chunks == (4, 3) and new.fill_value == -1
    assert np.array_equal(new[:], values) and dict(new.attrs) == {"k": 1}
    tessera.run("cp", "a", "c")
    new = zarr.open_array(tmp_path / "c", mode="r")
    assert new.metadata.zarr_format == int(there) and np.array_equal(new[:], values)


def test_types(tessera, tmp_path, counting):
    tessera.error("cp", "a.zarr", "b", "--dtype", "f4", status=2)
    assert not (tmp_path / "b").exists()
    tessera.run("cp", "a.zarr", "b", "--dtype", "f8", "--casting", "safe")
    assert np.array_equal(zarr.open_array(tmp_path / "b", mode="r")[:], counting.astype("f8"))
    tessera.error("cp", "a.zarr", "c", "--dtype", "i1", "--casting", "safe", status=2)
    tessera.run("cp", "a.zarr", "c", "--dtype", "i1", "--casting", "same_kind", "--fill-value", "-1")
    new = zarr.open_array(tmp_path / "c", mode="r")
    assert new.dtype == "int8" and new.fill_value == -1 and np.array_equal(new[:], counting)


def test_memory_limits_are_kept_or_refused(tessera, tmp_path):
    values = np.random.default_rng(1).integers(0, 100, (512, 512, 4)).astype("i4")
    zarr.create_array(tmp_path / "a", data=values, chunks=(64, 64, 4))
    message = tessera.error("cp", "a", "b", "--chunks", "64,64,4", "--shards", "512,512,4", "--memory", "1MiB", status=8)
    assert "limit is 1048576" in message and not (tmp_path / "b").exists()
    # Shards that nobody asked for are chosen so that they fit.
    tessera.run("cp", "a", "b", "--chunks", "32,32,4", "--shards", "auto", "--memory", "1MiB")
    new = zarr.open_array(tmp_path / "b", mode="r")
    assert np.prod(new.shards) * 4 < 2**20 and np.array_equal(new[:], values)


def test_nothing_is_overwritten_unasked(tessera, tmp_path, tree, counting):
    assert "--overwrite" in tessera.error("cp", "t.zarr/plain", "a.zarr", status=8)
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[:], counting)
    tessera.run("cp", "t.zarr/plain", "a.zarr", "--overwrite")
    assert zarr.open_array(tmp_path / "a.zarr", mode="r").shape == (5,)
    tessera.run("cp", "-r", "t.zarr", "a.zarr", "--overwrite")
    tessera.run("diff", "a.zarr", "t.zarr")


def test_a_copy_onto_itself_is_refused(tessera, tmp_path, tree):
    for destination in ("t.zarr", "./t.zarr/", tmp_path / "t.zarr"):
        tessera.error("cp", "-r", "t.zarr", destination, "--overwrite", status=2)
    tessera.error("cp", "t.zarr/plain", "t.zarr", "--overwrite", status=2)
    assert np.array_equal(tree["sharded"][:2, :2], [[0, 1], [24, 25]])
    # Into itself is well defined: the copy does not meet its own result.
    tessera.run("cp", "-r", "t.zarr/inner", "t.zarr/inner/copy")
    assert zarr.open_group(tmp_path / "t.zarr")["inner/copy/deep"][()] == 7


def test_json_and_dry_run(tessera, tmp_path, tree):
    assert "would copy /sharded  (16, 24)  float32" in tessera.run("cp", "-rn", "t.zarr", "u.zarr").out
    assert not (tmp_path / "u.zarr").exists()
    tessera.error("cp", "-rn", "t.zarr/inner", "t.zarr/plain", status=8)
    result = tessera.json("cp", "-r", "t.zarr", "u.zarr", schema="transfer")
    assert (result["arrays"], result["groups"], result["action"]) == (3, 2, "copied")
    files = [path for path in (tmp_path / "u.zarr").rglob("*") if path.is_file() and path.name != "zarr.json"]
    assert result["stored_bytes"] == sum(path.stat().st_size for path in files)


def test_a_damaged_source(tessera, tmp_path, tree):
    (tmp_path / "t.zarr" / "plain" / "zarr.json").write_text("{}")
    result = tessera.run("cp", "-r", "t.zarr", "u.zarr", status=5)
    assert "left out plain" in result.err and "copied 2 arrays" in result.err
    path = tmp_path / "t.zarr" / "sharded" / "c" / "0" / "1"
    path.write_bytes(path.read_bytes()[:-1])
    message = tessera.error("cp", "t.zarr/sharded", "v", "--codec", "none", status=4)
    assert "c/0/1" in message
    # What was begun says so, and can be begun anew.
    assert tessera.json("check", "v", schema="check", status=1)["findings"][0]["kind"] == "unfinished"


def test_resumed_by_the_same_command_only(tessera, tmp_path, tree):
    """An interrupted copy leaves its mark; see test_signals.py for real interruptions."""
    path = tmp_path / "t.zarr" / "sharded" / "c" / "0" / "1"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    tessera.error("cp", "-r", "t.zarr", "u.zarr", "--codec", "none", status=4)
    assert "unfinished" in tessera.error("cp", "-r", "t.zarr", "u.zarr", status=8)
    before = (tmp_path / "u.zarr" / "inner" / "deep" / "zarr.json").stat().st_mtime_ns
    path.write_bytes(whole)
    result = tessera.run("cp", "-r", "t.zarr", "u.zarr", "--codec", "none")
    assert "copied 3 arrays" in result.err and "2 were whole already" in result.err
    assert (tmp_path / "u.zarr" / "inner" / "deep" / "zarr.json").stat().st_mtime_ns == before
    tessera.run("diff", "t.zarr", "u.zarr")
    tessera.error("cp", "-r", "t.zarr", "u.zarr", "--codec", "none", status=8)
