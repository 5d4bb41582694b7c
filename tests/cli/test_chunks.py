"""chunks: what is stored, against the files themselves."""

import numpy as np
import zarr


def test_counts_and_sizes(tessera, tree, tmp_path):
    census = tessera.json("chunks", "t.zarr/sharded", "--list", schema="chunks")
    shards, chunks = census["levels"]
    assert (shards["total"], shards["stored"], shards["chunk_shape"]) == (4, 4, [8, 12])
    assert (chunks["total"], chunks["stored"], chunks["grid"]) == (24, 24, [4, 6])
    for row in census["chunks"]:
        value = (tmp_path / "t.zarr" / "sharded" / row["key"]).read_bytes()
        if row["level"] == 0:
            assert row["size_bytes"] == len(value)
        else:
            assert 0 < row["size_bytes"] and row["offset"] + row["size_bytes"] <= len(value)
    inner = sorted(tuple(row["index"]) for row in census["chunks"] if row["level"] == 1)
    assert inner == [(y, x) for y in range(4) for x in range(6)]


def test_missing_chunks(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(8, 8), chunks=(2, 2), shards=(4, 4), dtype="u1")
    array[0, 0] = 1
    array[5, 7] = 1
    levels = tessera.json("chunks", "a", schema="chunks")["levels"]
    assert (levels[0]["stored"], levels[0]["missing"]) == (2, 2)
    assert (levels[1]["stored"], levels[1]["missing"]) == (2, 14)
    picture = tessera.run("chunks", "a").out
    rows = [line for line in picture.splitlines() if line.startswith("  ") and "none" not in line]
    assert rows[0].strip() == "██··│····" and rows[3].strip() == "····│··██"
    assert rows[2].strip() == "────┼────"
    assert "##..|...." in tessera.run("chunks", "a", env={"LC_ALL": "C"}).out


def test_damaged_chunks_are_marked(tessera, tree, tmp_path):
    path = tmp_path / "t.zarr" / "sharded" / "c" / "0" / "0"
    path.write_bytes(path.read_bytes()[:-30])
    census = tessera.json("chunks", "t.zarr/sharded", schema="chunks")
    assert census["levels"][0]["damaged"] + census["levels"][1]["damaged"] >= 1


def test_large_grids_are_shrunk(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(3, 500, 700), chunks=(1, 2, 2), dtype="u1")
    array[1, 100:110, 100:400] = 1
    result = tessera.run("chunks", "a").out
    assert all(len(line) <= 200 for line in result.splitlines())
    assert "750 of 262500 stored" in result


def test_scalar_empty_and_unnamed(tessera, tmp_path):
    zarr.create_array(tmp_path / "s", data=np.array(3))
    assert "1 of 1 stored" in tessera.run("chunks", "s").out
    zarr.create_array(tmp_path / "e", shape=(0, 4), dtype="u1")
    assert "0 of 0 stored" in tessera.run("chunks", "e").out


def test_huge_grid(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "h", shape=(2**50, 2**10), chunks=(2**4, 2**4), dtype="u1")
    array[2**49, 5] = 1
    levels = tessera.json("chunks", "h", schema="chunks")["levels"]
    assert (levels[0]["total"], levels[0]["stored"]) == (2**52, 1)


def test_list_is_a_chunk_a_line(tessera, counting):
    lines = tessera.run("chunks", "a.zarr", "--list").out.splitlines()
    assert len(lines) == 6 and all("stored" in line and "c/" in line for line in lines)


def test_files_without_chunks_are_refused(tessera, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(4))
    tessera.error("chunks", "x.npy", status=8)


def test_the_census_of_a_tree(tessera, tree, tmp_path):
    census = tessera.json("chunks", "t.zarr", "--census", schema="census")
    arrays = {row["place"].removeprefix("t.zarr/"): row for row in census["arrays"]}
    assert len(arrays) == census["sums"]["arrays"] == 3
    for name, row in arrays.items():
        one = tessera.json("chunks", f"t.zarr/{name}", schema="chunks")
        assert row["levels"] == one["levels"] and row["shape"] == one["shape"]
    files = [path for path in (tmp_path / "t.zarr").rglob("*")
             if path.is_file() and path.name not in ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")]
    assert census["sums"]["stored_bytes"] == sum(path.stat().st_size for path in files)
    assert (census["sums"]["shards"], census["sums"]["dead_bytes"], census["sums"]["damaged"]) == (4, 0, 0)

    path = tmp_path / "t.zarr" / "sharded" / "c" / "0" / "0"
    data, index = path.read_bytes(), 6 * 16 + 4
    path.write_bytes(data[:-index] + bytes(77) + data[-index:])
    (tmp_path / "t.zarr" / "sharded" / "c" / "1" / "0").write_bytes(b"torn")
    sums = tessera.json("chunks", "t.zarr", "--census", schema="census")["sums"]
    assert (sums["shards"], sums["dead_bytes"], sums["damaged"]) == (3, 77, 1)
    rows = [line.split() for line in tessera.run("chunks", "t.zarr", "--census").out.splitlines()]
    assert rows[0] == ["array", "shards", "chunks", "size", "dead", "damaged"]
    sharded, = [row for row in rows if row[0] == "t.zarr/sharded"]
    assert sharded[1:4] == ["3", "of", "4"] and sharded[-3:] == ["77", "B", "1"]
    tessera.error("chunks", "t.zarr", "--census", "--list", status=2)
