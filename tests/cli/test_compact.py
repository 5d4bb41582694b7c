"""compact: shards without the bytes that nothing refers to; everything else stays as it is."""

import numpy as np
import pytest
import zarr

INDEX = 4 * 16 + 4


@pytest.fixture
def wasteful(tmp_path):
    """A tree with an array of four shards, two of which have 100 bytes that no entry refers to."""
    group = zarr.open_group(tmp_path / "w.zarr", mode="w")
    array = group.create_array("deep/a", shape=(8, 8), chunks=(2, 2), shards=(4, 4), dtype="u2")
    array[:] = np.arange(64).reshape(8, 8)
    group.create_array("plain", shape=(4,), chunks=(2,), dtype="u1")[:] = 7
    for name in ("0/1", "1/0"):
        path = tmp_path / "w.zarr" / "deep" / "a" / "c" / name
        data = path.read_bytes()
        path.write_bytes(data[:-INDEX] + bytes(100) + data[-INDEX:])
    return tmp_path / "w.zarr" / "deep" / "a"


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_dead_bytes_go(tessera, wasteful):
    before = files(wasteful)
    plan = tessera.json("compact", "w.zarr", "--dry-run", schema="compact")
    assert files(wasteful) == before
    report = tessera.json("compact", "w.zarr", schema="compact")
    assert plan.pop("dry_run") is True and report.pop("dry_run") is False and plan == report
    assert (report["arrays"], report["shards"], report["compacted"], report["won_bytes"]) == (2, 4, 2, 200)
    assert [row["won_bytes"] for row in report["changed"]] == [200]
    after = files(wasteful)
    changed = {path for path in before if before[path] != after[path]}
    assert {path.relative_to(wasteful / "c").as_posix() for path in changed} == {"0/1", "1/0"}
    assert all(len(before[path]) - len(after[path]) == 100 for path in changed)
    np.testing.assert_array_equal(zarr.open_array(wasteful, mode="r")[:], np.arange(64).reshape(8, 8))
    assert "nothing to win" in tessera.run("compact", "w.zarr").out


def test_one_array(tessera, wasteful):
    out = tessera.run("compact", "w.zarr/deep/a").out
    assert "200 B won in 2 shards" in out and "looked at 4 shards, compacted 2" in out


def test_a_damaged_shard_is_left_alone(tessera, wasteful):
    path = wasteful / "c" / "0" / "1"
    data = path.read_bytes()
    index = bytearray(data[-INDEX:])
    index[0:8] = (10**6).to_bytes(8, "little")
    path.write_bytes(data[:-INDEX] + bytes(index))
    # An index whose checksum fails is damage that a walk has found already.
    report = tessera.json("compact", "w.zarr", schema="compact")
    assert report["compacted"] == 1 and path.read_bytes()[:-INDEX] == data[:-INDEX]


def test_failures(tessera, tmp_path):
    tessera.error("compact", "missing.zarr", status=3)
    tessera.error("compact", status=2)
    np.save(tmp_path / "v.npy", np.arange(3))
    tessera.error("compact", "v.npy", status=6)
    assert tessera.json("compact", "-n", "v.npy", schema="compact")["shards"] == 0
