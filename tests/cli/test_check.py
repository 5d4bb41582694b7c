"""check: what is damaged is found, and nothing else."""

import json
import struct

import numpy as np
import pytest
import zarr


def kinds(report):
    return sorted(finding["kind"] for finding in report["findings"])


def test_a_sound_tree(tessera, tree):
    for options in ([], ["--data"], ["--data", "--rate", "1GiB/s"]):
        report = tessera.json("check", "t.zarr", *options, schema="check")
        assert (report["arrays"], report["groups"], report["damaged"], report["notes"]) == (3, 2, 0, 0)
        assert (report["chunks"], report["inner_chunks"]) == (4, 24)
    out = tessera.run("check", "t.zarr").out
    assert out.startswith("checked 3 arrays, 4 stored chunks with 24 inner chunks") and "no damage" in out


def test_each_flipped_byte_of_a_shard_is_found(tessera, tmp_path):
    """Every byte of a shard stands under a checksum: of an inner chunk or of the index."""
    array = zarr.create_array(tmp_path / "a", shape=(4, 4), chunks=(2, 2), shards=(4, 4), dtype="u1",
                              compressors=[zarr.codecs.Crc32cCodec()])
    array[:] = np.arange(16, dtype="u1").reshape(4, 4) + 1
    path = tmp_path / "a" / "c" / "0" / "0"
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x40]) + whole[position + 1:])
        report = tessera.json("check", "a", "--data", schema="check", status=1)
        assert report["damaged"] >= 1 and report["findings"][0]["kind"] == "chunk", position
    path.write_bytes(whole)
    tessera.run("check", "a", "--data")


@pytest.mark.parametrize("length", [0, 1, 30])
def test_truncated_shards_are_found_without_data(tessera, tree, tmp_path, length):
    path = tmp_path / "t.zarr" / "sharded" / "c" / "1" / "0"
    path.write_bytes(path.read_bytes()[:length])
    report = tessera.json("check", "t.zarr", schema="check", status=1)
    finding, = report["findings"]
    assert finding["kind"] == "chunk" and finding["key"] == "c/1/0" and finding["index"] == [1, 0]
    assert report["chunks"] == 4 and report["inner_chunks"] == 18
    assert "c/1/0" in tessera.run("check", "t.zarr", status=1).out


def test_checksums_only_with_data(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(8,), chunks=(4,), dtype="u1",
                              compressors=[zarr.codecs.Crc32cCodec()])
    array[:] = range(1, 9)
    path = tmp_path / "a" / "c" / "1"
    path.write_bytes(b"\x00" + path.read_bytes()[1:])
    tessera.run("check", "a")
    report = tessera.json("check", "a", "--data", schema="check", status=1)
    assert [finding["index"] for finding in report["findings"]] == [[1]]
    assert "checksum" in report["findings"][0]["problem"]


def test_metadata(tessera, tree, tmp_path):
    (tmp_path / "t.zarr" / "inner" / "deep" / "zarr.json").write_text('{"zarr_format": 3}')
    report = tessera.json("check", "t.zarr", schema="check", status=1)
    finding, = report["findings"]
    assert finding["kind"] == "metadata" and finding["place"].endswith("t.zarr/inner/deep")
    # The root itself.
    (tmp_path / "t.zarr" / "zarr.json").write_text("no JSON")
    assert kinds(tessera.json("check", "t.zarr", schema="check", status=1)) == ["metadata"]


def test_orphans_and_left_over_files_are_no_damage(tessera, counting, tmp_path):
    chunks = tmp_path / "a.zarr" / "c"
    (chunks / "9").mkdir()
    (chunks / "9" / "0").write_bytes(b"12345")
    (tmp_path / "a.zarr" / "notes.txt").write_text("hello")
    (chunks / "0" / "0.__lock").write_bytes(b"half a chunk")
    report = tessera.json("check", "a.zarr", schema="check")
    assert kinds(report) == ["orphan", "orphan", "temporary"] and report["notes"] == 3
    assert {finding["key"]: finding["size_bytes"] for finding in report["findings"]} == {
        "c/9/0": 5, "notes.txt": 5, "c/0/0.__lock": 12}
    out = tessera.run("check", "a.zarr").out
    assert "no damage, 3 to look at" in out


def test_a_lock_that_is_held_is_no_left_over(tessera, counting, tmp_path):
    import fcntl
    import struct
    path = tmp_path / "a.zarr" / "c" / "0" / "0.__lock"
    with open(path, "wb") as file:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
        assert tessera.json("check", "a.zarr", schema="check")["notes"] == 0
    assert tessera.json("check", "a.zarr", schema="check")["notes"] == 1


def test_v2_and_netcdf(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.arange(10), chunks=(4,), zarr_format=2)
    assert tessera.json("check", "a", "--data", schema="check")["chunks"] == 3
    np.save(tmp_path / "v.npy", np.arange(3))
    assert tessera.json("check", "v.npy", schema="check")["arrays"] == 1


def test_huge_arrays(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "h", shape=(2**62,), chunks=(16,), shards=(64,), dtype="u1")
    array[2**61] = 1
    report = tessera.json("check", "h", "--data", schema="check")
    assert report["chunks"] == 1 and report["damaged"] == 0
    path = next(path for path in (tmp_path / "h" / "c").rglob("*") if path.is_file())
    path.write_bytes(b"x")
    finding, = tessera.json("check", "h", schema="check", status=1)["findings"]
    assert finding["index"] == [2**61 // 64]


def test_failures(tessera, tmp_path):
    tessera.error("check", "missing.zarr", status=3)
    tessera.error("check", "x", "--rate", "fast", status=2)
    tessera.error("check", status=2)


def test_an_unfinished_copy_is_told(tessera, counting, tmp_path):
    (tmp_path / "a.zarr" / "__tessera_unfinished").write_text(json.dumps({"command": "cp"}))
    report = tessera.json("check", "a.zarr", schema="check", status=1)
    assert kinds(report) == ["unfinished"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_stale_consolidated_copies(tessera, tmp_path, zarr_format):
    """What zarr-python has just consolidated is fresh, though it words some things differently."""
    root = zarr.create_group(tmp_path / "t.zarr", zarr_format=zarr_format)
    root.create_group("inner").create_array("a", shape=(4,), chunks=(2,), dtype="i2", attributes={"n": {"x": 1}})
    tessera.run("create", "t.zarr/ours", "--shape", "5", "--dtype", "float32", "--codec", "none",
                "--zarr-format", zarr_format)
    zarr.consolidate_metadata(tmp_path / "t.zarr", zarr_format=zarr_format)
    assert tessera.json("check", "t.zarr", schema="check")["findings"] == []
    assert "up to date" in tessera.run("consolidate", "-n", "t.zarr").out
    tessera.run("attr", "t.zarr/inner/a", "n=2")
    for again in range(2):  # a change below, then a node more
        finding, = tessera.json("check", "t.zarr", schema="check")["findings"]
        assert (finding["kind"], finding["damage"]) == ("stale", False)
        assert finding["place"].endswith("t.zarr") and "tessera consolidate" in finding["problem"]
        assert "1 to look at" in tessera.run("check", "t.zarr").out
        tessera.run("consolidate", "t.zarr")
        assert tessera.json("check", "t.zarr", schema="check")["notes"] == 0
        if not again:
            tessera.run("create", "t.zarr/more", "--shape", "5", "--dtype", "int8", "--zarr-format", zarr_format)
    # The nodes are looked at themselves: damage below is found although there is a sound copy of it.
    name = "zarr.json" if zarr_format == 3 else ".zarray"
    (tmp_path / "t.zarr" / "inner" / "a" / name).write_text("{")
    report = tessera.json("check", "t.zarr", schema="check", status=1)
    assert kinds(report) == ["metadata", "stale"]
    assert "cannot be compared" in report["findings"][0]["problem"]


def test_consolidated_copies_that_are_not_valid(tessera, tree, tmp_path):
    path = tmp_path / "t.zarr" / "zarr.json"
    document = json.loads(path.read_text())
    document["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": 5}
    path.write_text(json.dumps(document))
    report = tessera.json("check", "t.zarr", schema="check", status=1)
    assert kinds(report) == ["metadata"] and report["arrays"] == 3
    assert "/consolidated_metadata/metadata" in report["findings"][0]["problem"]


def sharded(tmp_path, name="s"):
    """An array of four shards of sixteen inner chunks with checksums, 1..4096, as zarr-python writes it."""
    array = zarr.create_array(tmp_path / name, shape=(64, 64), chunks=(8, 8), shards=(32, 32), dtype="u2",
                              compressors=[zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()])
    values = np.arange(1, 4097, dtype="u2").reshape(64, 64)
    array[:] = values
    return values


def flip(path, position, mask=1):
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)


def crc32c(data):
    """Bit by bit, as RFC 3720 defines it."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def test_repair_loses_only_what_is_damaged(tessera, tmp_path):
    values = sharded(tmp_path)
    chunks = tmp_path / "s" / "c"
    flip(chunks / "0" / "1", 5)         # an inner chunk
    flip(chunks / "1" / "0", -60)       # a bit of an index
    (chunks / "1" / "1").write_bytes((chunks / "1" / "1").read_bytes()[:-30])
    damaged = {path: path.read_bytes() for path in chunks.rglob("*") if path.is_file()}

    plan = tessera.json("check", "s", "--data", "--repair", "--dry-run", schema="check", status=1)
    assert {path: path.read_bytes() for path in chunks.rglob("*") if path.is_file()} == damaged
    report = tessera.json("check", "s", "--data", "--repair", schema="check", status=1)
    assert report["repair"].pop("dry_run") is False and plan["repair"].pop("dry_run") is True
    repair = report["repair"]
    assert (repair["rebuilt"], repair["removed"], repair["lost_chunks"]) == (2, 1, 2)
    assert [(lost["level"], lost["index"], lost["key"]) for lost in repair["lost"]] == [
        (1, [0, 4], "c/0/1"), (0, [1, 1], "c/1/1")]
    assert [chunk["index_corrected"] for chunk in repair["chunks"]] == [False, True, False]
    assert {chunk["kept_as"] for chunk in repair["chunks"]} == {
        "c/0/__damaged-1.1", "c/1/__damaged-1.0", "c/1/__damaged-1.1"}

    expected = values.copy()
    expected[:8, 32:40] = 0
    expected[32:, 32:] = 0
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "s", mode="r")[:], expected)
    assert (chunks / "1" / "__damaged-1.1").read_bytes() == damaged[chunks / "1" / "1"]
    after = tessera.json("check", "s", "--data", "--repair", schema="check")
    assert kinds(after) == ["kept"] * 3 and after["repair"]["chunks"] == []


def test_a_repair_that_loses_nothing_ends_well(tessera, tmp_path):
    values = sharded(tmp_path)
    flip(tmp_path / "s" / "c" / "0" / "0", -1, 0x80)
    out = tessera.run("check", "s", "--repair").out
    assert "rebuilt" in out and "its index put right" in out and "kept as c/0/__damaged-1.0" in out
    assert "rebuilt 1, removed 0, lost 0 chunks" in out
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "s", mode="r")[:], values)
    tessera.error("check", "s", "--dry-run", status=2)


def test_overlaps_and_dead_bytes(tessera, tmp_path):
    sharded(tmp_path)
    path = tmp_path / "s" / "c" / "0" / "0"
    data = path.read_bytes()
    index = 16 * 16 + 4
    # Up to a third of the shard is what writers that append leave: counted, and nothing to look at.
    for size, found in ((100, []), (len(data) // 2 - 1, []), (len(data) // 2 + 10, ["dead"])):
        path.write_bytes(data[:-index] + bytes(size) + data[-index:])
        report = tessera.json("check", "s", "--data", schema="check")
        assert kinds(report) == found and report["dead_bytes"] == size
    entries = bytearray(data[-index:-4])
    by_offset = sorted(range(16), key=lambda number: struct.unpack_from("<QQ", entries, 16 * number))
    first, second = by_offset[3:5]
    offset, size = struct.unpack_from("<QQ", entries, 16 * second)
    struct.pack_into("<QQ", entries, 16 * second, offset - 3, size)
    path.write_bytes(data[:-index] + bytes(entries) + crc32c(entries))
    report = tessera.json("check", "s", schema="check", status=1)
    assert all("overlaps" in finding["problem"] for finding in report["findings"] if finding["damage"])
    assert [finding["index"] for finding in report["findings"] if finding["damage"]] == sorted(
        [number // 4, number % 4] for number in (first, second))
    # The checksum tells which of the two is right.
    report = tessera.json("check", "s", "--repair", schema="check", status=1)
    assert [lost["index"] for lost in report["repair"]["lost"]] == [[second // 4, second % 4]]


def test_what_belongs_to_no_node_of_a_group(tessera, tree, tmp_path):
    root = tmp_path / "t.zarr"
    (root / "README").write_text("hello")
    (root / "inner" / "gone" / "c").mkdir(parents=True)
    (root / "inner" / "gone" / "c" / "0").write_bytes(b"1234")
    (root / "empty").mkdir()
    (root / "__reserved").write_text("by Zarr")
    report = tessera.json("check", "t.zarr", schema="check")
    assert {(finding["kind"], finding["key"]): finding["size_bytes"] for finding in report["findings"]} == {
        ("orphan", "README"): 5, ("orphan", "gone/"): 4}
