"""cp: copies that are re-chunked, re-sharded, re-coded, converted; read back by zarr-python."""

import json

import numcodecs
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
    """Without --casting a type that is asked for may lose precision, but no value."""
    tessera.error("cp", "a.zarr", "b", "--dtype", "f4", "--casting", "no", status=2)
    assert not (tmp_path / "b").exists()
    tessera.run("cp", "a.zarr", "f4", "--dtype", "f4")
    assert np.array_equal(zarr.open_array(tmp_path / "f4", mode="r")[:], counting.astype("f4"))
    tessera.run("put", "f4", "f4", "--casting", "no")
    np.save(tmp_path / "large.npy", np.array([1, 300], "int32"))
    assert "300" in tessera.error("cp", "large.npy", "i1", "--dtype", "i1", status=2)
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


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("shards", ["none", "8,8"])
def test_moved_bytes_have_their_checksums_looked_at(tessera, tmp_path, shards):
    """Nothing is decoded where nothing changes; damage is not carried on all the same."""
    values = np.random.default_rng(7).integers(0, 1000, (16, 16), dtype="int32")
    tessera.run("create", "a.zarr", "--shape", "16,16", "--dtype", "int32", "--chunks", "4,4", "--shards", shards)
    tessera.run("put", "-", "a.zarr", input=values.tobytes())
    tessera.run("cp", "a.zarr", "b.zarr")
    assert np.array_equal(zarr.open_array(tmp_path / "b.zarr", mode="r")[:], values)
    flip(tmp_path / "a.zarr" / "c" / "1" / "0", 20)
    message = tessera.error("cp", "a.zarr", "c.zarr", status=4)
    assert "a.zarr: chunk c/1/0: " in message and "checksum mismatch" in message and "--data" in message
    assert not (tmp_path / "c.zarr" / "c" / "1" / "0").exists()


def test_verify_reads_back(tessera, tmp_path, tree):
    result = tessera.json("cp", "-r", "t.zarr", "u.zarr", "--verify", "--codec", "gzip:1", schema="transfer")
    assert result["verified"] == 3 and result["different"] == []
    assert "; 3 verified" in tessera.run("cp", "-r", "t.zarr", "v.zarr", "--verify").err
    result = tessera.json("cp", "-r", "t.zarr", "w.zarr", schema="transfer")
    assert result["verified"] is None and result["different"] is None


def test_the_mark_of_many_arrays(tessera, tmp_path):
    """It is not written for each of many, but tells all when a run ends; a run that was killed before it told
    the last ones is gone on with all the same."""
    values = np.arange(8, dtype="i4")
    for number in range(70):
        zarr.create_array(tmp_path / "t" / f"a{number:02}", data=values, chunks=(4,), compressors=None)
    zarr.create_group(tmp_path / "t")
    last = tmp_path / "t" / "a69" / "c" / "1"
    whole = last.read_bytes()
    last.write_bytes(whole[:-1])
    command = ["cp", "-r", "t", "u", "--codec", "gzip:1"]
    tessera.error(*command, status=4)
    mark = tmp_path / "u" / "__tessera_unfinished"
    said = json.loads(mark.read_text())
    assert said["finished"] == [f"a{number:02}" for number in range(69)]
    mark.write_text(json.dumps({**said, "finished": [*said["finished"][:66], None, 7]}))
    kept = {number: (tmp_path / "u" / f"a{number:02}" / "c" / "0").stat().st_ino for number in range(69)}
    last.write_bytes(whole)
    assert "66 were whole already" in tessera.run(*command).err
    assert kept == {number: (tmp_path / "u" / f"a{number:02}" / "c" / "0").stat().st_ino for number in range(69)}
    tessera.run("diff", "t", "u")
    assert not mark.exists()


@pytest.mark.parametrize("shards", [None, "32,32"])
def test_verify_names_the_chunks_that_differ(tessera, tmp_path, shards):
    """A codec that rounds: only where values have more bits than it keeps."""
    values = np.ones((64, 64), "f4")
    values[17, 40] = values[16, 47] = values[63, 0] = 1 + 2**-20
    values[0, 0] = np.nan
    zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(64, 64), dtype="f4")[:] = values
    rounded = ["--filters", '[{"name": "bitround", "configuration": {"keepbits": 4}}]', "--chunks", "8,8"]
    more = ["--shards", shards, "--memory", "1MiB"] if shards else []
    kind = "inner chunk" if shards else "chunk"
    result = tessera.run("cp", "a.zarr", "b.zarr", "--verify", *rounded, *more, status=4)
    for chunk in "[2, 5]", "[7, 0]":
        assert f"b.zarr: {kind} {chunk} differs from the source\n" in result.err
    assert "b.zarr: 2 chunks are not what a.zarr holds" in result.err and "lossy" in result.err
    assert not (tmp_path / "b.zarr" / "__tessera_unfinished").exists()
    document = tessera.json("cp", "a.zarr", "c.zarr", "--verify", *rounded, *more, schema="transfer", status=4)
    assert sorted(row["chunk"] for row in document["different"]) == [[2, 5], [7, 0]]
    tessera.run("cp", "a.zarr", "d.zarr", *rounded, *more)


def test_verify_compares_what_types_become(tessera, tmp_path):
    values = np.random.default_rng(8).random((30, 30))
    zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(7, 30), dtype="f8")[:] = values
    tessera.run("cp", "a.zarr", "b.zarr", "--verify", "--dtype", "f4", "--casting", "same_kind", "--chunks", "30,4")
    assert np.array_equal(zarr.open_array(tmp_path / "b.zarr", mode="r")[:], values.astype("f4"))


def test_verify_of_many_differing_chunks_ends(tessera, tmp_path):
    values = np.full((400,), 1 + 2**-20, "f4")
    zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(400,), dtype="f4")[:] = values
    result = tessera.run("cp", "a.zarr", "b.zarr", "--verify", "--chunks", 1, "--filters",
                         '[{"name": "bitround", "configuration": {"keepbits": 4}}]', status=4)
    assert result.err.count("differs from the source") == 100


def test_a_copy_killed_while_it_verified_goes_on(tessera, tmp_path):
    """Verified arrays are remembered, and the one in hand is verified again."""
    zarr.create_group(tmp_path / "t.zarr")
    for name in "ab":
        zarr.create_array(tmp_path / "t.zarr" / name, shape=(40,), chunks=(10,), dtype="i4")[:] = 7
    # The second array cannot be read to its end: the run stops with the first one verified.
    (tmp_path / "t.zarr" / "b" / "c" / "3").write_bytes(b"x")
    tessera.run("cp", "-r", "t.zarr", "u.zarr", "--verify", "--codec", "none", status=4)
    zarr.open_array(tmp_path / "t.zarr" / "b", mode="r+")[30:] = 7
    document = tessera.json("cp", "-r", "t.zarr", "u.zarr", "--verify", "--codec", "none", schema="transfer")
    assert (document["kept"], document["verified"]) == (1, 1)
    tessera.run("diff", "t.zarr", "u.zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_attributes_with_nan_as_zarr_python_writes_them(tessera, tmp_path, zarr_format):
    """It writes bare NaN and Infinity, which JSON does not have; our copies in v3 are JSON."""
    attributes = {"missing": float("nan"), "range": [float("-inf"), 1.5]}
    group = zarr.create_group(tmp_path / "g", zarr_format=zarr_format, attributes=attributes)
    array = group.create_array("a", shape=(4,), dtype="f4", attributes=attributes)
    array[:] = range(4)
    assert "NaN" in (tmp_path / ("g/a/zarr.json" if zarr_format == 3 else "g/a/.zattrs")).read_text()
    for place in ["g", "g/a"]:
        shown = json.loads(tessera.run("info", place, "--json").out)["attributes"]
        assert shown == {"missing": "NaN", "range": ["-Infinity", 1.5]}
    # A change keeps what it does not concern.
    tessera.run("attr", "g/a", "other=1")
    assert np.isnan(zarr.open_array(tmp_path / "g/a").attrs["missing"])
    tessera.run("cp", "-r", "g", "h", "--zarr-format", "3")
    for place in ["h", "h/a"]:
        kept = json.loads((tmp_path / place / "zarr.json").read_text(), parse_constant=pytest.fail)["attributes"]
        assert kept["missing"] == "NaN" and kept["range"] == ["-Infinity", 1.5]
    assert tessera.run("cat", "h/a").out.split() == ["0.0", "1.0", "2.0", "3.0"]
    tessera.run("cp", "-r", "g", "i", "--zarr-format", "2")
    assert np.isnan(zarr.open_group(tmp_path / "i", mode="r").attrs["missing"])


@pytest.mark.parametrize("dtype, filters", [
    (">i4", [{"id": "delta", "dtype": ">i4", "astype": ">i2"}]),
    (">i4", [{"id": "fixedscaleoffset", "dtype": ">i4", "astype": "<i2", "offset": 3, "scale": 1}]),
    ("<M8[D]", [{"id": "delta", "dtype": "<i8", "astype": "<i4"}]),  # numcodecs sees times as integers
])
def test_filters_that_name_types(tessera, tmp_path, dtype, filters):
    values = np.arange(20).astype(dtype)
    zarr.create_array(tmp_path / "a", shape=(20,), chunks=(7,), dtype=dtype, zarr_format=2,
                      filters=[numcodecs.get_codec(dict(f)) for f in filters])[:] = values
    tessera.run("cp", "a", "b", "--chunks", "5")
    copy = zarr.open_array(tmp_path / "b", mode="r")
    assert [f.get_config() for f in copy.metadata.filters] == filters and np.array_equal(copy[:], values)
    tessera.run("diff", "a", "b")


def test_unpack(tessera, tmp_path):
    """Chunks, shards and names of the source, the numbers that xarray reads, attributes without the packing."""
    group = zarr.create_group(tmp_path / "g", attributes={"title": "x"})
    packed = group.create_array("sst", shape=(20, 30), chunks=(5, 5), shards=(10, 10), dtype="i2", fill_value=-1,
                                dimension_names=["y", "x"], attributes={
                                    "scale_factor": 0.01, "add_offset": 20.0, "_FillValue": -1, "units": "K"})
    values = np.arange(600, dtype="i2").reshape(20, 30)
    values[3, 4] = -1
    packed[:] = values
    group.create_array("plain", data=np.arange(4), chunks=(2,), attributes={"units": "m"})
    tessera.run("cp", "-r", "--unpack", "g", "u", "--verify")
    array = zarr.open_array(tmp_path / "u" / "sst", mode="r")
    expected = values * 0.01 + 20.0
    expected[3, 4] = np.nan
    assert array.dtype == "f8" and np.array_equal(array[:], expected, equal_nan=True) and np.isnan(array.fill_value)
    assert array.chunks == (5, 5) and array.shards == (10, 10) and array.metadata.dimension_names == ("y", "x")
    assert dict(array.attrs) == {"units": "K"}
    plain = zarr.open_array(tmp_path / "u" / "plain", mode="r")
    assert plain.dtype == "i8" and plain[:].tolist() == [0, 1, 2, 3] and plain.chunks == (2,)
    assert zarr.open_group(tmp_path / "u", mode="r").attrs["title"] == "x"
    tessera.run("cp", "--unpack", "g/sst", "v", "--zarr-format", "2", "--dtype", "float32", "--casting", "same_kind")
    array = zarr.open_array(tmp_path / "v", mode="r")
    assert array.metadata.zarr_format == 2 and np.array_equal(array[:], expected.astype("f4"), equal_nan=True)


def test_unpack_of_what_makes_no_sense(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g")
    group.create_array("bad", data=np.arange(3, dtype="i2"), attributes={"scale_factor": "much"})
    group.create_array("good", data=np.arange(3, dtype="i2"), attributes={"scale_factor": 2.0})
    assert "bad" in tessera.run("cp", "-r", "--unpack", "g", "u", status=5).err
    assert zarr.open_array(tmp_path / "u" / "good", mode="r")[:].tolist() == [0, 2, 4]
