"""stats: figures against NumPy, the same for any number of threads."""

import fractions
import json
import os
import statistics
import subprocess
import time

import numpy as np
import pytest
import zarr


def figures(tessera, *arguments):
    return tessera.json("stats", *arguments, schema="stats")


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                                   "uint64", "float16", "float32", "float64"])
def test_figures_are_those_of_numpy(tessera, tmp_path, dtype):
    random = np.random.default_rng(7)
    values = random.random((37, 53)) * 200 - (0 if dtype[0] == "u" else 100)
    values = values > 0 if dtype == "bool" else values.astype(dtype)
    zarr.create_array(tmp_path / "a", data=values, chunks=(8, 16))
    got = figures(tessera, "a")
    wide = values.astype("float64")
    assert got["count"] == got["valid_count"] == values.size
    assert got["fill_count"] == np.count_nonzero(values == 0)
    assert got["min"] == values.min() and got["max"] == values.max()
    assert got["mean"] == pytest.approx(wide.mean(), rel=1e-12)
    assert got["std"] == pytest.approx(wide.std(), rel=1e-12)
    counts, edges = np.histogram(wide, bins=20)
    assert got["histogram"]["counts"] == counts.tolist()
    assert got["histogram"]["edges"] == pytest.approx(edges.tolist(), rel=1e-12, abs=1e-12)


def test_threads_and_chunks_in_flight_do_not_change_a_bit(tessera, tmp_path):
    random = np.random.default_rng(3)
    values = random.standard_normal((200, 300)) * 10.0 ** random.integers(-10, 10, (200, 300))
    zarr.create_array(tmp_path / "a", data=values, chunks=(7, 11), shards=(70, 110))
    zarr.create_array(tmp_path / "b", data=values, chunks=(7, 11))
    results = {name: {tessera.run("stats", name, "--json", "--threads", n).out
                      for n in (1, 1, 2, 3, 8) for _ in range(3)} for name in "ab"}
    assert len(results["a"]) == len(results["b"]) == 1
    got = json.loads(results["a"].pop())
    assert got["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert got["std"] == pytest.approx(values.std(), rel=1e-12)


@pytest.mark.parametrize("selection", ["[3:30, ::7]", "[::-1, 5]", "[::40, ::60]", "[36, 52]", "[::-9, ::-20]"])
def test_selections(tessera, tmp_path, selection):
    values = np.random.default_rng(5).random((37, 53))
    zarr.create_array(tmp_path / "a", data=values, chunks=(8, 16))
    part = eval(f"values{selection}")
    got = figures(tessera, "a" + selection, "--bins", "0")
    assert got["count"] == part.size and got["histogram"] is None
    assert got["min"] == part.min() and got["max"] == part.max()
    assert got["mean"] == pytest.approx(part.mean(), rel=1e-12)
    assert got["std"] == pytest.approx(part.std(), rel=1e-12, abs=1e-15)


def test_a_large_offset_keeps_the_deviation(tessera, tmp_path):
    """The textbook formula, mean of squares less square of the mean, gives 0 or nonsense here."""
    values = 1e9 + np.random.default_rng(2).random(100_000)
    zarr.create_array(tmp_path / "a", data=values, chunks=(1000,))
    exact = statistics.pstdev(map(fractions.Fraction, values.tolist()))
    assert figures(tessera, "a")["std"] == pytest.approx(exact, rel=1e-13)


def test_uint64_and_int64_extremes_are_exact(tessera, tmp_path):
    zarr.create_array(tmp_path / "u", data=np.array([2**64 - 1, 2**64 - 2, 5], dtype="uint64"))
    zarr.create_array(tmp_path / "i", data=np.array([-2**63, 2**63 - 1, 2**63 - 2], dtype="int64"))
    assert (figures(tessera, "u")["min"], figures(tessera, "u")["max"]) == (5, 2**64 - 1)
    assert (figures(tessera, "i")["min"], figures(tessera, "i")["max"]) == (-2**63, 2**63 - 1)
    assert "max       18446744073709551615" in tessera.run("stats", "u").out


def test_nan_and_missing(tessera, tmp_path):
    values = np.array([1.0, np.nan, -1e34, 3.0, np.nan, 0.0], dtype="float32")
    zarr.create_array(tmp_path / "a", data=values, attributes={"_FillValue": -1e34, "missing_value": [3]})
    got = figures(tessera, "a")
    assert (got["nan_count"], got["missing_count"], got["valid_count"]) == (2, 2, 2)
    assert (got["min"], got["max"], got["mean"]) == (0, 1, 0.5)
    got = figures(tessera, "a", "--missing", "keep")
    assert (got["missing_count"], got["min"], got["max"]) == (0, -1e34, 3)
    got = figures(tessera, "a", "--missing", "skip")
    assert (got["missing_count"], got["min"]) == (3, 1)


def test_nothing_to_measure(tessera, tmp_path):
    zarr.create_array(tmp_path / "empty", shape=(0, 5), dtype="float32")
    zarr.create_array(tmp_path / "nan", data=np.full((3, 3), np.nan))
    for name, count in (("empty", 0), ("nan", 9)):
        got = figures(tessera, name)
        assert (got["count"], got["nan_count"], got["valid_count"]) == (count, count, 0)
        assert [got[key] for key in ("min", "max", "mean", "std", "histogram")] == [None] * 5
        assert "mean      -" in tessera.run("stats", name).out


def test_infinities(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.array([1.0, 2.0, np.inf]))
    got = figures(tessera, "a", "--bins", "2")
    assert (got["max"], got["mean"], got["std"]) == ("Infinity", "Infinity", "NaN")
    assert got["histogram"] == {"edges": [1.0, 1.5, 2.0], "counts": [1, 1]}


def test_a_mean_whose_sum_overflows(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.full(1000, 1.5e308), chunks=(100,))
    got = figures(tessera, "a")
    assert got["mean"] == pytest.approx(1.5e308, rel=1e-14) and got["std"] == 0


def test_scalar_five_axes_complex(tessera, tmp_path):
    zarr.create_array(tmp_path / "s", data=np.array(42, dtype="int8"))
    got = figures(tessera, "s")
    assert (got["count"], got["min"], got["max"], got["std"]) == (1, 42, 42, 0)
    values = np.random.default_rng(1).random((3, 4, 2, 5, 3))
    zarr.create_array(tmp_path / "five", data=values, chunks=(2, 2, 2, 2, 2))
    assert figures(tessera, "five")["mean"] == pytest.approx(values.mean(), rel=1e-12)
    zarr.create_array(tmp_path / "c", data=np.array([3 + 4j, 0, 0]))
    got = figures(tessera, "c")
    assert (got["min"], got["max"]) == (0, 5) and "magnitude" in tessera.run("stats", "c").out


@pytest.mark.parametrize("shape, chunks", [((2**62,), (2**20,)), ((2**40, 2**20), (2**10, 2**10)),
                                           ((2**62,), (2**31,))])
def test_a_huge_array_costs_what_is_stored(tessera, tmp_path, shape, chunks):
    zarr.create_array(tmp_path / "h", shape=shape, chunks=chunks, dtype="uint8", fill_value=3)
    begin = time.monotonic()
    got = figures(tessera, "h")
    assert time.monotonic() - begin < 20
    assert got["count"] == got["fill_count"] and (got["min"], got["max"], got["mean"]) == (3, 3, 3)
    assert got["histogram"]["counts"] == [got["count"]]


def test_a_huge_array_with_something_in_it(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "h", shape=(2**50, 4), chunks=(4, 4), dtype="int16", fill_value=1)
    array[2**49:2**49 + 2] = 100
    array[7] = -5
    got = figures(tessera, "h")
    assert (got["min"], got["max"]) == (-5, 100)
    assert got["count"] == 2**52 and got["fill_count"] == 2**52 - 12
    got = figures(tessera, f"h[{2**49}:{2**49 + 4}, 1]")
    assert got["count"] == 4 and got["mean"] == pytest.approx(50.5)
    got = figures(tessera, f"h[{2**49 + 100}::-3, ::2]")
    assert (got["min"], got["max"]) == (1 if (2**49 + 100 - 7) % 3 else -5, 100)


def test_histogram_in_the_terminal(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.array([0, 0, 0, 1, 2, 2, 4], dtype="int8"))
    lines = tessera.run("stats", "a", "--bins", "4").out.splitlines()[-4:]
    assert [int(line.split()[3]) for line in lines] == [3, 1, 2, 1]
    assert lines[0].count("█") == 40
    ascii_lines = tessera.run("stats", "a", "--bins", "4", env={"LC_ALL": "C"}).stdout
    assert ascii_lines.isascii() and b"#" * 40 in ascii_lines


def test_raw_types_have_no_order(tessera):
    tessera.run("create", "r", "--shape", "3", "--dtype", "r24")
    tessera.error("stats", "r", status=8)


def test_histogram_over_the_whole_range_of_doubles(tessera, tmp_path):
    values = np.array([-1.7e308, -1.0, 0.0, 1e308, 1.7e308])
    zarr.create_array(tmp_path / "a", data=values)
    got = figures(tessera, "a", "--bins", "4")["histogram"]
    assert got["counts"] == [1, 1, 1, 2] and got["edges"][0] == -1.7e308 and got["edges"][-1] == 1.7e308


def test_histogram_of_a_narrow_range_far_from_zero(tessera, tmp_path):
    values = 1e15 + np.arange(1000) / 8
    zarr.create_array(tmp_path / "a", data=values)
    got = figures(tessera, "a", "--bins", "10")["histogram"]
    assert got["counts"] == np.histogram(values, bins=10)[0].tolist()


# ---- kept statistics ----

def make_kept(tessera, path, values, *options):
    tessera.run("create", path, "--shape", ",".join(map(str, values.shape)), "--dtype", values.dtype.name,
                "--statistics", *options)
    return values


def put(tessera, tmp_path, values, place):
    np.save(tmp_path / "part.npy", values)
    tessera.run("put", "part.npy", place)


def same(got, values, fill=0):
    kind, values = values.dtype.type, values.astype("float64")
    assert got["count"] == values.size and got["nan_count"] == np.isnan(values).sum()
    valid = values[~np.isnan(values)]
    assert kind(got["min"]) == valid.min() and kind(got["max"]) == valid.max()
    assert got["mean"] == pytest.approx(valid.mean(), rel=1e-12)
    assert got["std"] == pytest.approx(valid.std(), rel=1e-12)
    assert got["fill_count"] == (values == fill).sum()


def damage(folder):
    """Takes the bytes of every chunk away, but leaves each file as it looks from outside."""
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "zarr.json" and "__statistics" not in file.parts:
            status = file.stat()
            with open(file, "r+b") as opened:
                opened.write(b"\xee" * status.st_size)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("layout", [("--chunks", "8,16"), ("--chunks", "4,8", "--shards", "16,32")])
def test_kept_figures_take_no_chunk(tessera, tmp_path, layout):
    values = np.random.default_rng(7).standard_normal((37, 53)).astype("float32")
    values[3, 4] = np.nan
    make_kept(tessera, "a", values, *layout)
    put(tessera, tmp_path, values, "a")
    put(tessera, tmp_path, values[5:9, 7:50] * 2, "a[5:9, 7:50]")
    values[5:9, 7:50] *= 2
    same(figures(tessera, "a"), values)
    same(figures(tessera, "a", "--bins", "4"), values)
    damage(tmp_path / "a")
    got = figures(tessera, "a")
    same(got, values)
    assert got["histogram"] is None
    same(figures(tessera, "a[0:32, 0:32]"), values[:32, :32])
    same(figures(tessera, "a[::-1]"), values)
    tessera.error("stats", "a", "--bins", "3", status=4)
    tessera.error("stats", "a[1:]", status=4)


def change(path, edit):
    """Changes the bytes of a file, which looks from outside as before."""
    status = path.stat()
    path.write_bytes(edit(path.read_bytes()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip(at):
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def make_shards(tessera, tmp_path):
    """Four shards of four inner chunks, each with a checksum, and an index of 68 bytes."""
    values = np.arange(1, 65, dtype="int32").reshape(8, 8)
    make_kept(tessera, "a", values, "--chunks", "2,2", "--shards", "4,4")
    put(tessera, tmp_path, values, "a")
    return values


def test_a_compaction_keeps_what_is_known(tessera, tmp_path):
    values = make_shards(tessera, tmp_path)
    shard = tmp_path / "a" / "c" / "0" / "1"
    shard.write_bytes(shard.read_bytes()[:-68] + bytes(100) + shard.read_bytes()[-68:])
    tessera.run("stats", "a", "--update")
    assert "100 B won" in tessera.run("compact", "a").out
    damage(tmp_path / "a")
    same(figures(tessera, "a"), values)


def test_a_repair_keeps_what_is_known_unless_it_loses_something(tessera, tmp_path):
    values = make_shards(tessera, tmp_path)
    change(tmp_path / "a" / "c" / "0" / "1", flip(-68))  # its index, which one bit puts right
    change(tmp_path / "a" / "c" / "1" / "0", flip(3))  # its first inner chunk
    tessera.run("check", "a", "--data", "--repair", status=1)
    values[4:6, :2] = 0
    same(figures(tessera, "a"), values)
    # Those of the shard that has lost something.
    assert "of 4 chunks no statistics are kept" in tessera.run("check", "a").out
    tessera.run("stats", "a", "--update")
    damage(tmp_path / "a")
    same(figures(tessera, "a"), values)


def test_what_others_write_is_read(tessera, tmp_path):
    values = np.arange(40 * 30, dtype="int32").reshape(40, 30)
    make_kept(tessera, "a", values, "--chunks", "10,10")
    put(tessera, tmp_path, values, "a")
    array = zarr.open_array(tmp_path / "a", mode="r+")
    assert (array[...] == values).all()
    for turn in range(30):
        array[turn, 0:12] = values[turn, 0:12] = -turn
        same(figures(tessera, "a"), values)
    tessera.run("stats", "--update", "a")
    damage(tmp_path / "a")
    same(figures(tessera, "a"), values)


def test_update_keeps_them_of_what_is_there(tessera, tmp_path):
    values = np.random.default_rng(1).integers(-9, 9, (64, 64)).astype("int16")
    zarr.create_array(tmp_path / "a", data=values, chunks=(8, 8), shards=(32, 32))
    same(figures(tessera, "a", "--update"), values)
    damage(tmp_path / "a")
    same(figures(tessera, "a"), values)
    assert zarr.open_array(tmp_path / "a", mode="r").shape == (64, 64)


@pytest.mark.parametrize("attribute", ["_FillValue", "missing_value"])
def test_missing_values_and_kept_figures(tessera, tmp_path, attribute):
    values = np.random.default_rng(2).integers(0, 50, (30, 30)).astype("int16")
    for missing, fill in [(-7, -7), (20, -7), (99, 0)]:
        part = values.copy()
        part[::7, ::3] = missing
        tessera.run("create", "a", "--shape", "30,30", "--dtype", "int16", "--chunks", "10,10", "--fill-value",
                    str(fill), "--attributes", json.dumps({attribute: missing}), "--statistics", "--overwrite")
        put(tessera, tmp_path, part, "a")
        tessera.run("create", "b", "--shape", "30,30", "--dtype", "int16", "--chunks", "10,10", "--fill-value",
                    str(fill), "--attributes", json.dumps({attribute: missing}), "--overwrite")
        put(tessera, tmp_path, part, "b")
        for rule in ["auto", "keep", "skip"]:
            kept = figures(tessera, "a", "--missing", rule, "--bins", "5")
            read = figures(tessera, "b", "--missing", rule, "--bins", "5")
            for key in ["mean", "std"]:
                assert kept.pop(key) == pytest.approx(read.pop(key), rel=1e-12)
            del kept["place"], read["place"]
            assert kept == read


def test_copies_keep_them(tessera, tmp_path):
    values = np.random.default_rng(7).random((30, 30))
    make_kept(tessera, "t.zarr/a", values, "--chunks", "10,10")
    put(tessera, tmp_path, values, "t.zarr/a")
    tessera.run("cp", "t.zarr/a", "same")
    tessera.run("cp", "t.zarr/a", "other", "--chunks", "7,7", "--codec", "gzip:1")
    tessera.run("cp", "-r", "t.zarr", "u.zarr")
    for place in ["same", "other", "u.zarr/a"]:
        damage(tmp_path / place)
        same(figures(tessera, place), values)
    assert tessera.run("tree", "u.zarr").out.count("__statistics") == 0
    tessera.run("check", "t.zarr", "--data")


def test_check_and_info_know_of_them(tessera, tmp_path):
    values = np.random.default_rng(3).random((30, 30))
    tessera.run("create", "bare", "--shape", "30,30", "--dtype", "float64", "--chunks", "10,10")
    make_kept(tessera, "a", values, "--chunks", "10,10")
    put(tessera, tmp_path, values, "a")
    assert tessera.json("info", "a", schema="info")["statistics"] is True
    assert tessera.json("info", "bare", schema="info")["statistics"] is False
    assert "statistics   kept" in tessera.run("info", "a").out
    assert "statistics" not in tessera.run("info", "bare").out
    assert tessera.json("check", "a", schema="check")["findings"] == []
    zarr.open_array(tmp_path / "a", mode="r+")[0:10, 0:20] = 7
    report = tessera.json("check", "a", schema="check")
    assert [(row["kind"], row["damage"]) for row in report["findings"]] == [("stale", False)]
    assert "of 2 chunks" in json.dumps(report) and "stats --update" in json.dumps(report)
    tessera.run("stats", "--update", "a")
    assert tessera.json("check", "a", schema="check")["findings"] == []
    (tmp_path / "a" / "__statistics" / "zarr.json").write_text("{")
    assert tessera.json("info", "a", schema="info")["statistics"] is False
    report = tessera.json("check", "a", schema="check", status=1)
    assert [(row["kind"], row["damage"]) for row in report["findings"]] == [("metadata", True)]


def test_two_writers_and_tensorstore_beside(tessera, tmp_path):
    """Each of two processes writes its rows of inner chunks of shards that both share, a third reads all along."""
    tensorstore = pytest.importorskip("tensorstore")
    values = np.zeros((32, 32))
    make_kept(tessera, "a", values, "--chunks", "4,4", "--shards", "16,16")
    beside = tensorstore.open({"driver": "zarr3", "kvstore": f"file://{tmp_path}/a"}, open=True).result()
    for turn in range(1, 5):
        writers = []
        for which in range(2):
            rows = np.add.outer(np.arange(4.0), np.arange(32.0)) * turn + 1000 * which
            np.save(tmp_path / f"{which}.npy", rows)
            start = 8 * (turn - 1) + 4 * which
            values[start:start + 4] = rows
            writers.append(subprocess.Popen([tessera.program, "put", f"{which}.npy", f"a[{start}:{start + 4}]"],
                                            cwd=tmp_path))
        assert beside.read().result().shape == (32, 32)
        assert [writer.wait(60) for writer in writers] == [0, 0]
        same(figures(tessera, "a"), values)
        assert (beside.read().result() == values).all()
    beside[4:9, 6:7].write(np.full((5, 1), -3.0)).result()
    values[4:9, 6:7] = -3
    same(figures(tessera, "a"), values)
    tessera.run("stats", "--update", "a")
    damage(tmp_path / "a")
    same(figures(tessera, "a"), values)


def test_types_without_statistics(tessera, tmp_path):
    result = tessera.run("create", "a", "--shape", "3", "--dtype", "complex64", "--statistics", status=None)
    assert "complex64" in result.err and not (tmp_path / "a").exists()


def test_damaged_statistics_are_none(tessera, tmp_path):
    """Elements are read without them, check tells of them, and an update makes them anew."""
    values = np.arange(64.0).reshape(8, 8)
    put(tessera, tmp_path, make_kept(tessera, "a", values, "--chunks", "4,4"), "a")
    (tmp_path / "a" / "__statistics" / "zarr.json").write_text('{"bad')
    same(figures(tessera, "a"), values)
    assert len(tessera.run("cat", "a", "--where", "x > 61").out.splitlines()) == 2
    tessera.run("draw", "a", "-o", "a.png")
    tessera.run("cp", "a", "b")
    assert "__statistics" in tessera.run("check", "a", status=1).out
    tessera.run("stats", "--update", "a")
    tessera.run("check", "a")
    damage(tmp_path / "a")
    same(figures(tessera, "a"), values)
