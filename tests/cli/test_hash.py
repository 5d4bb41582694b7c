"""hash: equal exactly where values and metadata are, computed a second time here from docs/format/hash.md."""

import hashlib
import itertools
import json
import struct

import numpy as np
import pytest
import zarr

WORDS = 1024


def sha(kind, *parts):
    return hashlib.sha256(kind.encode() + b"\0" + b"".join(parts)).digest()


def expand(digest):
    """MGF1 of RFC 8017 with SHA-256, as 1,024 little-endian words."""
    blocks = (hashlib.sha256(digest + struct.pack(">I", i)).digest() for i in range(WORDS * 2 // 32))
    return np.frombuffer(b"".join(blocks), "<u2")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(values, chunk_shape, fill, attributes=None, names=None, name=None):
    """The hash of an array, its chunks and its metadata."""
    fill = np.array(fill, values.dtype)
    total = np.zeros(WORDS, "<u2")
    chunks = {}
    for index in itertools.product(*(range(-(-n // c)) for n, c in zip(values.shape, chunk_shape))):
        box = tuple(slice(i * c, min(i * c + c, n)) for i, c, n in zip(index, chunk_shape, values.shape))
        piece = np.array(values[box], order="C")
        if piece.tobytes() == fill.tobytes() * piece.size:
            continue
        start = tuple(part.start for part in box)
        chunks[start] = sha("tessera.hash1.chunk", struct.pack(f"<{2 * len(start)}q", *start, *piece.shape),
                            piece.astype(piece.dtype.newbyteorder("<")).tobytes())
        total += expand(chunks[start])
    metadata = sha("tessera.hash1.metadata", canonical({
        "attributes": attributes or {}, "data_type": name or values.dtype.name, "dimension_names": names,
        "fill_value": fill.tobytes().hex(), "shape": list(values.shape)}))
    return sha("tessera.hash1.array", metadata, total.tobytes()), metadata, chunks


def hashes(tessera, *arguments):
    return tessera.json("hash", *arguments, schema="hash")


@pytest.fixture
def values():
    generator = np.random.default_rng(7)
    values = generator.integers(-1000, 1000, (13, 22)).astype("int16")
    values[4:8, 6:12] = 5  # one chunk of fill values
    return values


def make(folder, values, **options):
    options = {"shape": values.shape, "dtype": values.dtype, "chunks": (4, 6), "fill_value": 5,
               "attributes": {"b": [1, {"z": None, "ä": True}], "a": "text"}, **options}
    array = zarr.create_array(folder, **options)
    array[...] = values
    return array


def test_as_the_format_says(tessera, tmp_path, values):
    make(tmp_path / "a", values, dimension_names=["y", None])
    whole, metadata, chunks = hash_of(values, (4, 6), 5, {"b": [1, {"z": None, "ä": True}], "a": "text"}, ["y", None])
    report = hashes(tessera, "a", "--levels")
    node, = report["nodes"]
    assert report["hash"] == node["hash"] == whole.hex() and node["metadata"] == metadata.hex()
    assert {tuple(row["start"]): row["hash"] for row in report["chunks"]} == {k: v.hex() for k, v in chunks.items()}
    assert node["chunks"] == len(chunks) == 15 and node["chunk_shape"] == [4, 6]
    assert tessera.run("hash", "a").out == f"{whole.hex()}  array  /\n"


def test_of_a_group(tessera, tmp_path, values):
    root = zarr.create_group(tmp_path / "g", attributes={"t": 1})
    make(tmp_path / "g" / "b", values)
    root.create_group("a")
    empty = sha("tessera.hash1.group", sha("tessera.hash1.metadata", b'{"attributes":{}}'))
    array = hash_of(values, (4, 6), 5, {"b": [1, {"z": None, "ä": True}], "a": "text"})[0]
    whole = sha("tessera.hash1.group", sha("tessera.hash1.metadata", b'{"attributes":{"t":1}}'),
                b"a\0", empty, b"b\0", array)
    report = hashes(tessera, "g")
    assert report["hash"] == whole.hex()
    assert [(row["path"], row["kind"]) for row in report["nodes"]] == [("a", "group"), ("b", "array"), ("", "group")]
    lines = tessera.run("hash", "g").out.splitlines()
    assert lines[-1] == f"{whole.hex()}  group  /" and len(lines) == 3


def test_of_shards(tessera, tmp_path, values):
    make(tmp_path / "a", values, shards=(8, 12))
    report = hashes(tessera, "a", "--levels")
    _, _, chunks = hash_of(values, (4, 6), 5)
    for row in report["chunks"]:
        inside = [digest for start, digest in chunks.items()
                  if all(s <= at < s + n for s, at, n in zip(row["start"], start, row["shape"]))]
        if row["kind"] == "shard":
            total = sum((expand(digest).astype("u8") for digest in inside), np.zeros(WORDS, "u8")).astype("<u2")
            assert row["hash"] == sha("tessera.hash1.shard", total.tobytes()).hex()
        else:
            assert [row["hash"]] == [digest.hex() for digest in inside]
    assert sum(row["kind"] == "shard" for row in report["chunks"]) == 4


LAYOUTS = [{}, {"compressors": None}, {"shards": (8, 12)}, {"shards": (16, 24)},
           {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
           {"serializer": zarr.codecs.BytesCodec(endian="big")}, {"zarr_format": 2},
           {"zarr_format": 2, "order": "F", "dtype": ">i2"}, {"config": {"write_empty_chunks": True}}]


def test_the_layout_does_not_matter(tessera, tmp_path, values):
    found = set()
    for number, options in enumerate(LAYOUTS):
        make(tmp_path / str(number), values, **options)
        found.add(hashes(tessera, str(number))["hash"])
    tessera.run("cp", "2", "morton", "--inner-order", "morton")
    found.add(hashes(tessera, "morton")["hash"])
    assert len(found) == 1


def test_everything_else_does(tessera, tmp_path, values):
    changed = values.copy()
    changed[12, 21] ^= 1
    moved = values.copy()
    moved[0:4, 0:6], moved[8:12, 0:6] = values[8:12, 0:6], values[0:4, 0:6]
    found = [hashes(tessera, "0")["hash"] for _ in [make(tmp_path / "0", values)]]
    for number, (content, options) in enumerate([
            (changed, {}), (moved, {}), (values, {"fill_value": 6}), (values, {"attributes": {}}),
            (values.astype("int32"), {}), (values.view("uint16"), {}), (values, {"dimension_names": ["y", "x"]}),
            (values[:, :21], {}), (values, {"attributes": {"b": [1, {"z": None, "ä": True}], "a": "text2"}})]):
        make(tmp_path / f"v{number}", content, **options)
        found.append(hashes(tessera, f"v{number}")["hash"])
    assert len(set(found)) == len(found)


def test_bits_of_floats(tessera, tmp_path):
    found = set()
    for number, bits in enumerate([0, 0x80000000, 0x7fc00000, 0x7fc00001]):
        values = np.full((3, 3), 1, "f4")
        values.view("u4")[1, 1] = bits
        make(tmp_path / str(number), values, chunks=(2, 2), attributes={}, fill_value=np.nan)
        report = hashes(tessera, str(number))
        assert report["hash"] == hash_of(values, (2, 2), np.nan)[0].hex()
        found.add(report["hash"])
    assert len(found) == 4


def test_what_is_stored(tessera, tmp_path, values):
    make(tmp_path / "a", values, shards=(16, 24), attributes={})
    tessera.run("cp", "a", "b", "--inner-order", "colexicographic")
    tessera.run("cp", "a", "c", "--codec", "none", "--shards", "16,24")
    one, two, three = (hashes(tessera, place, "--stored", "--levels") for place in "abc")
    assert (tmp_path / "a/c/0/0").read_bytes() != (tmp_path / "b/c/0/0").read_bytes()
    assert one["hash"] == two["hash"] != three["hash"] and one["form"] == "stored"
    assert sorted(map(str, one["chunks"])) == sorted(map(str, two["chunks"]))
    assert hashes(tessera, "a")["hash"] == hashes(tessera, "c")["hash"] != one["hash"]
    # A chunk of the store that is no shard is hashed as its bytes are.
    make(tmp_path / "d", values, attributes={})
    report = hashes(tessera, "d", "--stored", "--levels")
    row = next(row for row in report["chunks"] if row["start"] == [0, 6])
    assert row["hash"] == sha("tessera.hash1.stored.chunk", struct.pack("<4q", 0, 6, 4, 6),
                              (tmp_path / "d/c/0/1").read_bytes()).hex()


def test_other_places(tessera, tmp_path):
    """What has no chunks in a store has values; a scalar and an empty array have hashes too."""
    values = np.arange(12, dtype="f8").reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    node, = hashes(tessera, "a.npy")["nodes"]
    assert node["dtype"] == "float64" and node["hash"] == hash_of(values, (3, 4), 0)[0].hex()
    # One chunk of any size is cut along its first axes, so that memory has a bound.
    large = np.zeros((3, 5, 2**20), "f8")
    large[:, :, ::4096] = np.arange(15.0).reshape(3, 5, 1)
    np.save(tmp_path / "large.npy", large)
    node, = hashes(tessera, "large.npy")["nodes"]
    assert node["chunk_shape"] == [1, 4, 2**20] and node["hash"] == hash_of(large, (1, 4, 2**20), 0)[0].hex()
    tessera.error("hash", "a.npy", "--stored", status=8)
    make(tmp_path / "s", np.array(3.5), chunks=(), attributes={}, fill_value=0)
    assert hashes(tessera, "s")["hash"] == hash_of(np.array(3.5), (), 0)[0].hex()
    make(tmp_path / "e", np.zeros((0, 4), "u1"), chunks=(1, 4), attributes={}, fill_value=0)
    assert hashes(tessera, "e")["hash"] == hash_of(np.zeros((0, 4), "u1"), (1, 4), 0)[0].hex()


def test_a_huge_array_costs_what_it_stores(tessera, tmp_path):
    tessera.run("create", "h", "--shape", f"{2**62},4", "--chunks", "2,4", "--dtype", "u1")
    np.save(tmp_path / "part.npy", np.arange(8, dtype="u1").reshape(2, 4))
    tessera.run("put", "part.npy", f"h[{2**61}:{2**61 + 2}]")
    row, = hashes(tessera, "h", "--levels")["chunks"]
    assert row["start"] == [2**61, 0] and row["shape"] == [2, 4]


def test_damage_is_no_hash(tessera, tmp_path, values):
    make(tmp_path / "a", values, shards=(8, 12), compressors=[zarr.codecs.Crc32cCodec()])
    path = tmp_path / "a" / "c" / "0" / "0"
    data = path.read_bytes()
    path.write_bytes(b"\xff" + data[1:])
    for options in ([], ["--json"]):
        assert "checksum" in tessera.error("hash", "a", *options, status=4)
    tessera.run("hash", "a", "--stored")
    path.write_bytes(data[:10])
    tessera.run("hash", "a", "--stored", status=4)
    tessera.error("hash", "nowhere", status=3)


# ---- diff --hash


@pytest.fixture
def forest(tmp_path, values):
    root = zarr.create_group(tmp_path / "a.zarr", attributes={"t": 1})
    root.create_group("g")
    make(tmp_path / "a.zarr" / "g" / "x", values)
    make(tmp_path / "a.zarr" / "y", values[0], chunks=(5,), shards=(10,))
    return root


def diff(tessera, *arguments, status=1):
    report = tessera.json("diff", "--hash", *arguments, schema="diff", status=status)
    assert report["same"] == (status == 0)
    return report["differences"]


def save(tessera, tmp_path, name, *arguments):
    (tmp_path / name).write_bytes(tessera.run("hash", *arguments, "--json").stdout)


def test_a_copy_is_verified_without_its_original(tessera, tmp_path, forest):
    save(tessera, tmp_path, "saved", "a.zarr", "--levels")
    tessera.run("cp", "-r", "a.zarr", "b.zarr", "--zarr-format", "2", "--codec", "none")
    (tmp_path / "a.zarr").rename(tmp_path / "gone")
    for sides in (("saved", "b.zarr"), ("b.zarr", "saved"), ("saved", "saved"), ("gone", "b.zarr")):
        assert diff(tessera, *sides, status=0) == [] and tessera.run("diff", "--hash", *sides).out == ""
    copy = zarr.open_array(tmp_path / "b.zarr" / "g" / "x", mode="r+")
    copy[12, 0] += 1
    copy[0, 7] = 4999
    zarr.open_array(tmp_path / "b.zarr" / "y", mode="r+")[5:10] = 5  # a chunk of fill values
    assert [(row["path"], row["difference"], row["start"], row["shape"], row["second"] is None)
            for row in diff(tessera, "saved", "b.zarr")] == [
        ("g/x", "chunk", [0, 6], [4, 6], False), ("g/x", "chunk", [12, 0], [1, 6], False),
        ("y", "chunk", [5], [5], True)]
    assert tessera.run("diff", "--hash", "saved", "b.zarr", status=1).out.splitlines() == [
        "g/x[0:4,6:12]: elements differ", "g/x[12:13,0:6]: elements differ",
        "y[5:10]: nothing but fill values in the second"]
    # Without the chunks it is known which arrays differ, not where.
    save(tessera, tmp_path, "short", "gone")
    assert [(row["path"], row["difference"]) for row in diff(tessera, "short", "b.zarr")] == [
        ("g/x", "elements"), ("y", "elements")]


def test_chunks_of_another_shape(tessera, tmp_path, forest):
    """A place is hashed in the boxes of the other side; two files cannot be."""
    save(tessera, tmp_path, "saved", "a.zarr", "--levels")
    tessera.run("cp", "-r", "a.zarr", "b.zarr", "--chunks", "auto")
    tessera.run("cp", "a.zarr/g/x", "c", "--chunks", "5,5", "--shards", "10,10")
    tessera.run("cp", "a.zarr/g/x", "d", "--chunks", "13,1")
    assert diff(tessera, "c", "d", status=0) == []
    assert tessera.json("hash", "c", schema="hash")["hash"] != tessera.json("hash", "d", schema="hash")["hash"]
    zarr.open_array(tmp_path / "c", mode="r+")[7, 7] = 4999
    assert [(row["start"], row["shape"]) for row in diff(tessera, "d", "c")] == [([0, 7], [13, 1])]
    assert [(row["start"], row["shape"]) for row in diff(tessera, "c", "d")] == [([5, 5], [5, 5])]
    save(tessera, tmp_path, "c.json", "c", "--levels")
    save(tessera, tmp_path, "d.json", "d", "--levels")
    assert "other shapes" in tessera.error("diff", "--hash", "c.json", "d.json", status=2)
    assert [row["start"] for row in diff(tessera, "d", "c.json")] == [[5, 5]]


def test_nodes_and_metadata_differ(tessera, tmp_path, forest):
    tessera.run("cp", "-r", "a.zarr", "b.zarr")
    tessera.run("attr", "b.zarr", "t=2")
    tessera.run("attr", "b.zarr/g/x", "--remove", "a")
    tessera.run("rm", "-f", "b.zarr/y")
    zarr.open_group(tmp_path / "b.zarr").create_group("y")
    tessera.run("mv", "b.zarr/g/x", "b.zarr/g/z")
    assert [(row["path"], row["difference"]) for row in diff(tessera, "a.zarr", "b.zarr")] == [
        ("", "metadata"), ("g/x", "existence"), ("g/z", "existence"), ("y", "kind")]
    assert tessera.run("diff", "--hash", "a.zarr", "b.zarr", status=1).out.splitlines() == [
        "/: metadata differs", "g/x: only in the first", "g/z: only in the second", "y: kind differs: array, group"]
    tessera.run("mv", "b.zarr/g/z", "b.zarr/g/x")
    assert ("g/x", "metadata") in [(row["path"], row["difference"]) for row in diff(tessera, "a.zarr", "b.zarr")]


def test_stored_hashes(tessera, tmp_path, forest):
    save(tessera, tmp_path, "saved", "a.zarr", "--levels", "--stored")
    tessera.run("cp", "-r", "a.zarr", "b.zarr")
    assert diff(tessera, "saved", "b.zarr", status=0) == []
    path = tmp_path / "b.zarr" / "g" / "x" / "c" / "0" / "1"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert [row["start"] for row in diff(tessera, "saved", "b.zarr")] == [[0, 6]]
    assert [row["start"] for row in diff(tessera, "a.zarr", "b.zarr", "--stored")] == [[0, 6]]
    save(tessera, tmp_path, "values", "a.zarr", "--levels")
    assert "one file" in tessera.error("diff", "--hash", "saved", "values", status=2)


def test_what_is_no_file_of_hashes(tessera, tmp_path, forest):
    save(tessera, tmp_path, "saved", "a.zarr/g/x", "--levels")
    good = json.loads((tmp_path / "saved").read_text())

    def bad(change):
        document = json.loads(json.dumps(good))
        change(document)
        (tmp_path / "bad").write_text(json.dumps(document))
        return tessera.error("diff", "--hash", "bad", "a.zarr/g/x", status=4)

    for change in (lambda d: d.update(hashes="tessera.hash2"), lambda d: d.pop("nodes"), lambda d: d.update(chunks=3),
                   lambda d: d["nodes"][0].update(hash="0" * 63), lambda d: d["nodes"][0].pop("shape"),
                   lambda d: d["chunks"][0].update(start=[0]), lambda d: d["chunks"][0].update(path="other"),
                   lambda d: d["chunks"][0].update(hash="G" * 64), lambda d: d["chunks"][0].update(shape=[-1, 2])):
        assert "not the hashes of a tree" in bad(change)
    (tmp_path / "bad").write_text("{")
    tessera.error("diff", "--hash", "bad", "a.zarr/g/x", status=4)
    tessera.error("diff", "--hash", "saved", "a.zarr/g/x", "--select", "0", status=2)
    tessera.error("diff", "--stored", "a.zarr", "a.zarr", status=2)


def test_nested_shards_and_chunks_of_several_lengths(tessera, tmp_path, values):
    """The pieces are the chunks that are decoded one by one, however deep they lie and whatever their shape."""
    attributes = {"b": [1, {"z": None, "ä": True}], "a": "text"}
    np.save(tmp_path / "v.npy", values)

    def sharding(chunk_shape, *codecs):
        return {"name": "sharding_indexed", "configuration": {
            "chunk_shape": chunk_shape, "codecs": list(codecs), "index_codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]}}

    plain = {"name": "bytes", "configuration": {"endian": "little"}}
    for name, chunks, codecs in (
            ("nested", "16,24", [sharding([8, 12], sharding([4, 6], plain))]),
            ("packed", "8,12", [sharding([4, 6], plain), {"name": "gzip", "configuration": {"level": 1}}]),
            ("turned", "16,24", [{"name": "transpose", "configuration": {"order": [1, 0]}}, sharding([6, 4], plain)])):
        tessera.run("create", name, "--shape", "13,22", "--dtype", "int16", "--chunks", chunks, "--codecs",
                    json.dumps(codecs), "--fill-value", "5", "--attributes", json.dumps(attributes))
        tessera.run("put", "v.npy", name)
        assert hashes(tessera, name)["hash"] == hash_of(values, (4, 6), 5, attributes)[0].hex(), name
        report = hashes(tessera, name, "--stored", "--levels")
        assert report["nodes"][0]["chunks"] == sum(row["kind"] == "chunk" for row in report["chunks"])
    tessera.run("create", "uneven", "--shape", "13,22", "--dtype", "int16", "--chunks", "[[3,10],[[11,2]]]",
                "--fill-value", "5", "--attributes", json.dumps(attributes))
    tessera.run("put", "v.npy", "uneven")
    report = hashes(tessera, "uneven", "--levels")
    assert report["nodes"][0]["chunk_shape"] is None
    assert [(row["start"], row["shape"]) for row in report["chunks"]] == [
        ([0, 0], [3, 11]), ([0, 11], [3, 11]), ([3, 0], [10, 11]), ([3, 11], [10, 11])]
    for row in report["chunks"]:
        box = tuple(slice(s, s + n) for s, n in zip(row["start"], row["shape"]))
        assert row["hash"] == sha("tessera.hash1.chunk", struct.pack("<4q", *row["start"], *row["shape"]),
                                  values[box].astype("<i2").tobytes()).hex()
    assert diff(tessera, "nested", "uneven", status=0) == []
