"""explain --trace: its counts against explain's own, its advice against all layouts tried one by one."""

import itertools
import json
import shlex

import numpy as np
import pytest
import zarr

SHAPE = (40, 96, 64)


def span(start, count, step=1):
    return {"start": start, "count": count, "step": step}


def whole(axis):
    return span(0, SHAPE[axis])


def write_trace(path, reads, place="a.zarr", shape=SHAPE, more=()):
    lines = [json.dumps({"trace": 1, "operation": "read", "place": place, "shape": shape, "dtype": "int32",
                         "element_bytes": 4, "select": select, "bytes": 4, "batch": 1, "ns": 1, "status": "OK"})
             for select in reads]
    path.write_text("\n".join([*lines, *more]) + "\n")


def advice(tessera, *arguments):
    document = tessera.json("explain", *arguments, schema="explain-trace")
    (only,) = document["arrays"]
    return only


@pytest.fixture
def array(tessera):
    """Chunks of zstd, so that they are decoded whole."""
    values = np.arange(np.prod(SHAPE), dtype="int32").reshape(SHAPE)
    zarr.create_array(tessera.folder / "a.zarr", shape=SHAPE, chunks=(20, 24, 32), dtype="int32",
                      compressors=zarr.codecs.ZstdCodec(level=1))[:] = values


PATTERNS = {
    "rows": [[i % 40, (7 * i) % 96, whole(2)] for i in range(9)],
    "columns": [[whole(0), (11 * i) % 96, (5 * i) % 64] for i in range(9)],
    "planes": [[whole(0), whole(1), 7 * i] for i in range(5)],
    "points": [[(3 * i) % 40, (17 * i) % 96, (13 * i) % 64] for i in range(12)],
    "boxes": [[span(i, 8), span(9 * i, 12), span(5 * i, 20)] for i in range(8)],
    "strides": [[span(i, 4, 10), span(i, 3, 30), whole(2)] for i in range(6)],
    "mixture": [[i, whole(1), whole(2)] for i in range(3)] + [[whole(0), whole(1), i] for i in range(3)],
}


def positions(entry):
    if isinstance(entry, int):
        return np.array([entry])
    return entry["start"] + entry["step"] * np.arange(entry["count"])


def cells(select, lengths):
    """How many chunks a read without lists touches, by looking at each position."""
    return int(np.prod([len(np.unique(positions(entry) // length)) for entry, length in zip(select, lengths)]))


def price(reads, chunks, prices, element_bytes=4):
    touched = sum(cells(select, chunks) for select in reads)
    decoded = touched * int(np.prod(chunks)) * element_bytes
    return (touched * (prices["object_ns"] + prices["request_ns"] + prices["chunk_ns"])
            + decoded * (prices["stored_ratio"] * prices["fetched_byte_ns"] + prices["decoded_byte_ns"]))


def all_chunks(shape, present, element_bytes=4):
    lengths = [sorted({2 ** k for k in range(32) if 2 ** k < n} | {n, min(p, n)}) for n, p in zip(shape, present)]
    least = min(16 << 10, int(np.prod(shape)) * element_bytes)
    return [chunks for chunks in itertools.product(*lengths)
            if least <= np.prod(chunks) * element_bytes <= 16 << 20]


def text_of(select):
    def entry_text(entry):
        if isinstance(entry, int):
            return str(entry)
        return f"{entry['start']}:{entry['start'] + (entry['count'] - 1) * entry['step'] + 1}:{entry['step']}"
    return ",".join(entry_text(entry) for entry in select)


def explained(tessera, place, reads):
    sums = dict.fromkeys(["objects", "requests", "chunks", "decoded_bytes"], 0)
    for select in reads:
        cost = tessera.json("explain", place, "--select", text_of(select), schema="explain")
        for name in sums:
            sums[name] += cost[name]
    return sums


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_advice_is_the_best_of_all(tessera, array, pattern):
    reads = PATTERNS[pattern]
    write_trace(tessera.folder / "t", reads)
    found = advice(tessera, "--trace", "t", "a.zarr")
    assert found["reads"] == len(reads) and found["present"]["chunks"] == [20, 24, 32]
    assert found["present"]["ns"] == pytest.approx(price(reads, (20, 24, 32), found["prices"]), rel=1e-9)
    best = min(price(reads, chunks, found["prices"]) for chunks in all_chunks(SHAPE, (20, 24, 32)))
    assert found["best"]["ns"] == pytest.approx(best, rel=1e-9)
    assert price(reads, found["best"]["chunks"], found["prices"]) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("pattern", ["rows", "columns", "boxes"])
def test_what_it_says_is_what_explain_counts(tessera, array, pattern):
    """The command is run, and both arrays are asked."""
    reads = PATTERNS[pattern][:2]
    write_trace(tessera.folder / "t", reads)
    found = advice(tessera, "--trace", "t")
    command = shlex.split(found["command"])
    assert command[:2] == ["tessera", "cp"]
    tessera.run(*command[1:])
    now, then = explained(tessera, "a.zarr", reads), explained(tessera, "a.zarr-rechunked", reads)
    for told, counted in ((found["present"], now), (found["best"], then)):
        assert told["objects"] == counted["objects"] and told["requests"] == counted["requests"]
        assert told["decoded_chunks"] == counted["chunks"]
        assert told["decoded_bytes"] == counted["decoded_bytes"]
    assert then["decoded_bytes"] + 1000 * then["requests"] < now["decoded_bytes"] + 1000 * now["requests"]


def test_shards_stay_shards(tessera):
    shape = (128, 128, 128)
    array = zarr.create_array(tessera.folder / "a.zarr", shape=shape, chunks=(32, 32, 32), shards=(64, 64, 64),
                              dtype="int32", compressors=zarr.codecs.ZstdCodec(level=1))
    array[:] = np.arange(128 ** 3, dtype="int32").reshape(shape)
    reads = [[span(0, 128), 5 * i, 9 * i] for i in range(4)]
    write_trace(tessera.folder / "t", reads, shape=shape)
    found = advice(tessera, "--trace", "t")
    chunks, shards = found["best"]["chunks"], found["best"]["shards"]
    assert chunks[0] == 128 and all(shard % chunk == 0 for chunk, shard in zip(chunks, shards))
    assert np.prod(shards) * 4 <= 64 << 20
    tessera.run(*shlex.split(found["command"])[1:])
    now, then = explained(tessera, "a.zarr", reads), explained(tessera, "a.zarr-rechunked", reads)
    for told, counted in ((found["present"], now), (found["best"], then)):
        assert told["objects"] == counted["objects"] and told["decoded_chunks"] == counted["chunks"]
        assert told["decoded_bytes"] == counted["decoded_bytes"]
    assert then["decoded_bytes"] < now["decoded_bytes"] and then["objects"] <= now["objects"]


def test_many_chunks_become_shards(tessera):
    tessera.run("create", "a.zarr", "--shape", "100000,4000", "--dtype", "i4", "--chunks", "1000,1000")
    write_trace(tessera.folder / "t", [[i * 37, span(0, 4000)] for i in range(50)], shape=(100000, 4000))
    found = advice(tessera, "--trace", "t")
    assert found["best"]["chunks"] == [2, 4000] and found["best"]["shards"] is not None
    assert 50000 / (found["best"]["shards"][0] / 2) <= 1000


def test_too_many_layouts_to_try_all(tessera):
    """On ways downhill: close to the best of all, which numpy finds."""
    rank, length = 6, 16
    shape = (length,) * rank
    tessera.run("create", "a.zarr", "--shape", ",".join(map(str, shape)), "--dtype", "u1", "--chunks",
                "16,16,16,4,1,1", "--zarr-format", "2")
    random = np.random.default_rng(5)
    reads = []
    for i in range(512):
        select = [int(p) for p in random.integers(0, length, rank)]
        select[i % 3] = span(0, length)
        if i % 2:
            select[4] = span(int(select[4]) // 2, 8)
        reads.append(select)
    write_trace(tessera.folder / "t", reads, shape=shape)
    found = advice(tessera, "--trace", "t")
    tables = {n: np.array([[len(np.unique(positions(entry) // n)) for entry in select] for select in reads])
              for n in (1, 2, 4, 8, 16)}
    prices = found["prices"]
    best = np.inf
    for chunks in all_chunks(shape, shape, element_bytes=1):
        touched = np.prod([tables[n][:, axis] for axis, n in enumerate(chunks)], axis=0).sum()
        best = min(best, touched * (prices["object_ns"] + prices["request_ns"] + prices["chunk_ns"] + np.prod(chunks)
                                    * (prices["fetched_byte_ns"] * prices["stored_ratio"] + prices["decoded_byte_ns"])))
    assert best <= found["best"]["ns"] * (1 + 1e-9)
    assert found["best"]["ns"] <= 1.1 * best


def test_bytes_are_those_of_chunks_all_over_the_array(tessera):
    """Where chunks compress in many ways, that of one corner or of the middle says nothing about the others."""
    values = np.random.default_rng(1).integers(0, 1 << 30, (512, 512), "int32")
    values[:32, :32] = values[240:272, 240:272] = values[-32:, -32:] = 5
    values[:, 256:] >>= 16
    made = zarr.create_array(tessera.folder / "a.zarr", shape=values.shape, chunks=(16, 16), dtype="int32",
                             compressors=zarr.codecs.ZstdCodec(level=1))
    made[:] = values
    write_trace(tessera.folder / "t", [[span(0, 512), span(0, 512)]], shape=values.shape)
    ratio = advice(tessera, "a.zarr", "--trace", "t")["prices"]["stored_ratio"]
    assert ratio == pytest.approx(made.nbytes_stored() / values.nbytes, rel=0.15)


def test_lists_of_points_are_counted_together(tessera, array):
    random = np.random.default_rng(3)
    points = np.column_stack([random.integers(0, n, 50) for n in SHAPE])
    select = [{"list": 0, "count": 50, "at": points[:, axis].tolist()} for axis in range(3)]
    write_trace(tessera.folder / "t", [select])
    found = advice(tessera, "--trace", "t")
    assert found["present"]["decoded_chunks"] == len(np.unique(points // (20, 24, 32), axis=0))


def test_thinned_lists_are_made_up_for(tessera):
    """Of 2000 points 64 are looked at; what all of them touch is told within a fifth."""
    tessera.run("create", "a.zarr", "--shape", "4000,4000", "--dtype", "i4", "--chunks", "100,100")
    points = np.random.default_rng(4).integers(0, 4000, (2000, 2))
    np.save(tessera.folder / "points.npy", points)
    tessera.run("cat", "a.zarr", "--points", "points.npy", "--trace", "t")
    found = advice(tessera, "--trace", "t")
    truth = len(np.unique(points // 100, axis=0))
    assert 0.8 * truth < found["present"]["decoded_chunks"] < 1.2 * truth


def test_traces_of_commands_are_understood(tessera, array):
    for select in ("3", "::-1, 5", ":, [1, 9], 0", "[0, 5], [7, 9]"):
        tessera.run("cat", "a.zarr", "--select", select, "--trace", "t")
    tessera.run("cat", "./a.zarr/", "--select", "0, 0", "--trace", "t")
    found = advice(tessera, "--trace", "t", tessera.folder / "a.zarr")
    assert found["reads"] == 5
    text = tessera.run("explain", "a.zarr", "--trace", "t").out
    assert "now" in text and "decoded chunks" in text


def test_suited_chunks_stay(tessera, array):
    """What was advised is left alone afterwards."""
    write_trace(tessera.folder / "t", PATTERNS["rows"])
    tessera.run(*shlex.split(advice(tessera, "--trace", "t")["command"])[1:])
    write_trace(tessera.folder / "t", PATTERNS["rows"], place="a.zarr-rechunked")
    assert advice(tessera, "--trace", "t")["command"] is None
    assert "suit these reads" in tessera.run("explain", "--trace", "t").out


def test_odd_lines_are_left_out(tessera, array):
    odd = ["", "{", "[1]", "null", '{"trace":1}', '{"trace":2,"operation":"read"}', '{"trace":1,"operation":"read"',
           json.dumps({"trace": 1, "operation": "write", "place": "a.zarr", "status": "OK", "select": [0, 0, 0]}),
           json.dumps({"trace": 1, "operation": "read", "place": "a.zarr", "status": "DAMAGED", "select": [0, 0, 0]})]
    for select in ([0, 0], [0, 0, 64], [0, 0, -1], [0, 0, span(3, 0)], [0, 0, span(3, 2, 0)], [0, 0, {}], [0, 0, "x"],
                   [0, 0, span(-(2 ** 63), 2 ** 63 - 1, 2 ** 62)], [0, 0, {"list": 0, "count": 1, "at": []}],
                   [0, 0, {"list": 0, "count": 0, "at": [1]}], [0, 0, {"list": 0, "count": 1, "at": [-5]}],
                   [0, 0, span(2 ** 63 - 1, 2 ** 63 - 1, 2 ** 63 - 1)], 5, None):
        odd.append(json.dumps({"trace": 1, "operation": "read", "place": "a.zarr", "status": "OK", "select": select}))
    write_trace(tessera.folder / "t", [[1, 2, whole(2)]], more=odd)
    assert advice(tessera, "--trace", "t")["reads"] == 1
    # What goes beyond the present shape is cut off; a step backwards is the same read.
    write_trace(tessera.folder / "t", [[0, 0, span(60, 2 ** 40)], [0, 0, span(63, 64, -1)]])
    assert advice(tessera, "--trace", "t")["present"]["decoded_chunks"] == 1 + 2


def test_many_reads_are_thinned_out(tessera, array):
    write_trace(tessera.folder / "t", [[i % 40, i % 96, whole(2)] for i in range(3000)])
    found = advice(tessera, "--trace", "t")
    assert found["reads"] == 3000
    assert found["present"]["decoded_chunks"] == pytest.approx(6000, rel=0.1)


def test_what_is_wrong_is_told(tessera, array, tmp_path):
    assert "cannot open nothing" in tessera.error("explain", "--trace", "nothing", status=3)
    (tmp_path / "t").write_text("{}\nno\n")
    assert "no line is one of a trace" in tessera.error("explain", "--trace", "t", status=4)
    write_trace(tmp_path / "t", [[0, 0, 0]], place="gone.zarr")
    message = tessera.error("explain", "--trace", "t", "a.zarr", status=3)
    assert "no read of a.zarr" in message
    result = tessera.run("explain", "--trace", "t", status=3)
    assert "passed over: gone.zarr" in result.err
    assert "says itself" in tessera.error("explain", "a.zarr", "--trace", "t", "--select", "0", status=2)
    assert "PLACE or --trace" in tessera.error("explain", status=2)


def test_names_survive_the_shell(tessera):
    name = "it's here.zarr"
    zarr.create_array(tessera.folder / name, shape=(512, 512), chunks=(128, 128), dtype="i4",
                      compressors=zarr.codecs.ZstdCodec(level=1))[:] = 1
    write_trace(tessera.folder / "t", [[i, span(0, 512)] for i in range(5)], place=name, shape=(512, 512))
    command = shlex.split(advice(tessera, "--trace", "t")["command"])
    assert command[2:4] == [name, name + "-rechunked"]
    tessera.run(*command[1:])


def test_the_estimate_follows_from_the_counts(tessera, array):
    for select in ("0:20", ":", "0,0,0"):
        cost = tessera.json("explain", f"a.zarr[{select}]", "--threads", "2", schema="explain")
        made, chunk = cost["estimate"], cost["estimate"]["chunk"]
        assert chunk["decoded_bytes"] == 20 * 24 * 32 * 4 and chunk["decode_ns"] > 0 and chunk["fetched_bytes"] > 0
        chunks = cost["decoded_bytes"] / chunk["decoded_bytes"]
        assert made["decode_ns"] == pytest.approx(chunk["decode_ns"] * chunks)
        assert made["plan_ns"] == pytest.approx(chunk["plan_ns"] * chunks)
        assert made["threads"] == min(2, chunks)
        total = sum(made[name] for name in ("plan_ns", "fetch_ns", "decode_ns", "copy_ns"))
        assert made["ns"] == pytest.approx(total / made["threads"])
    assert "estimate   " in tessera.run("explain", "a.zarr").out


def test_nothing_stored_nothing_estimated(tessera):
    tessera.run("create", "a.zarr", "--shape", "100,100", "--dtype", "i4", "--chunks", "10,10")
    assert tessera.json("explain", "a.zarr", schema="explain")["estimate"] is None
    assert "estimate" not in tessera.run("explain", "a.zarr").out


def test_damage_does_not_keep_explain_from_telling(tessera, array):
    for path in (tessera.folder / "a.zarr/c").rglob("*"):
        if path.is_file():
            path.write_bytes(b"no zstd")
    assert tessera.json("explain", "a.zarr", schema="explain")["estimate"] is None
