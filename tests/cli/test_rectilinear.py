"""Chunks of several lengths along an axis: what is stored, chunk by chunk, is what NumPy cuts."""

import io
import itertools
import json

import numpy as np
import pytest

EDGES = [[2, 3, [4, 2], 1], 5]  # 2 3 4 4 1 and 5 5 5
LENGTHS = [[2, 3, 4, 4, 1], [5, 5, 5]]
SHAPE = (13, 12)


def boxes():
    """Grid index, box in the array, and stored shape of every chunk."""
    for y, x in itertools.product(range(5), range(3)):
        start = sum(LENGTHS[0][:y]), sum(LENGTHS[1][:x])
        shape = LENGTHS[0][y], LENGTHS[1][x]
        if start[0] < SHAPE[0]:
            yield (y, x), tuple(slice(s, min(s + n, whole)) for s, n, whole in zip(start, shape, SHAPE)), shape


def content(tessera, place, shape=SHAPE):
    got = np.load(io.BytesIO(tessera.run("cat", place, "--format", "npy").stdout))
    assert got.shape == shape
    return got


def make(tessera, place, *more):
    tessera.run("create", place, "--shape", "13,12", "--dtype", "int32", "--chunks", json.dumps(EDGES),
                "--fill-value", "-1", "--codec", "none", *more)


@pytest.fixture
def values():
    return np.arange(13 * 12, dtype="<i4").reshape(SHAPE)


def test_chunks_are_stored_with_their_lengths(tessera, tmp_path, values):
    make(tessera, "a")
    grid = json.loads((tmp_path / "a" / "zarr.json").read_text())["chunk_grid"]
    assert grid == {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": EDGES}}
    tessera.run("put", "-", "a", input=values.tobytes())
    for (y, x), box, shape in boxes():
        stored = np.fromfile(tmp_path / "a" / "c" / str(y) / str(x), "<i4").reshape(shape)
        expected = np.full(shape, -1, "<i4")
        expected[tuple(slice(0, n) for n in values[box].shape)] = values[box]
        assert np.array_equal(stored, expected), (y, x)
    assert np.array_equal(content(tessera, "a"), values)


def test_chunks_by_another_hand_are_read(tessera, tmp_path, values):
    """The document and the chunk files are made here, with lengths that go on behind the end."""
    folder = tmp_path / "hand"
    for (y, x), box, shape in boxes():
        chunk = np.full(shape, 77, "<i4")
        chunk[tuple(slice(0, n) for n in values[box].shape)] = values[box]
        path = folder / "c" / str(y) / str(x)
        path.parent.mkdir(parents=True, exist_ok=True)
        chunk.tofile(path)
    (folder / "zarr.json").write_text(json.dumps({
        "zarr_format": 3, "node_type": "array", "shape": [13, 12], "data_type": "int32", "fill_value": 0,
        "chunk_grid": {"name": "rectilinear", "configuration": {
            "kind": "inline", "chunk_shapes": [[2, 3, 4, 4, 1, [9, 100]], [[5, 3]]]}},
        "chunk_key_encoding": {"name": "default"}, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}))
    assert np.array_equal(content(tessera, "hand"), values)
    assert np.array_equal(content(tessera, "hand[4:10, 3:11:2]", (6, 4)), values[4:10, 3:11:2])
    assert tessera.run("check", "hand", "--data").status == 0


def test_shards_of_several_lengths(tessera, tmp_path, values):
    tessera.run("create", "s", "--shape", "13,12", "--dtype", "int32", "--shards", "[[4,[6,2]],12]", "--chunks", "2,3")
    tessera.run("put", "-", "s", input=values.tobytes())
    assert sorted(path.name for path in (tmp_path / "s" / "c").iterdir()) == ["0", "1", "2"]
    assert np.array_equal(content(tessera, "s"), values)
    document = tessera.json("info", "s", schema="info")
    assert document["edges"] == [[4, [6, 2]], 12] and document["grids"] == [[6, 12], [2, 3]]


def test_info_chunks_and_stats(tessera, values):
    make(tessera, "a")
    tessera.run("put", "-", "a", input=values.tobytes())
    info = tessera.run("info", "a").out
    assert "up to (4, 5)" in info and "4 x 3 = 12" in info and "[[2,3,[4,2],1],5]" in info
    assert tessera.json("chunks", "a", schema="chunks")
    stats = tessera.json("stats", "a", schema="stats")
    assert stats["min"] == 0 and stats["max"] == 155 and stats["mean"] == values.mean()


def test_copies_keep_the_lengths_or_take_new_ones(tessera, tmp_path, values):
    make(tessera, "a")
    tessera.run("put", "-", "a", input=values.tobytes())
    for place, options, grid in [("same", (), EDGES), ("zstd", ("--codec", "zstd"), EDGES),
                                 ("regular", ("--chunks", "4,4"), None), ("v2", ("--zarr-format", "2"), None),
                                 ("other", ("--chunks", "[[13],[[1,12]]]"), [[13], [[1, 12]]])]:
        tessera.run("cp", "a", place, *options)
        assert np.array_equal(content(tessera, place), values), place
        assert tessera.json("info", place, schema="info")["edges"] == grid


@pytest.mark.parametrize("options, says", [
    (("--chunks", "[[2,3],5]"), "end at 5, the array at 13"),
    (("--chunks", "[[13],[12]", ), "JSON"),
    (("--chunks", "[[13],12]", "--shards", "13,12"), "inner chunks have one shape"),
    (("--shards", "[[13],12]"), "--chunks 10,10"),
    (("--shards", "[[13],12]", "--chunks", "2,3"), "do not divide the shard's 13"),
    (("--shards", "[[12,1],12]", "--chunks", "2,3"), "a shard of 1 along axis 0 holds no whole inner chunks"),
    (("--chunks", "[[13],12]", "--zarr-format", "2"), "Zarr v2"),
])
def test_slips_are_told(tessera, options, says):
    assert says in tessera.error("create", "x", "--shape", "13,12", "--dtype", "i4", *options, status=2)
