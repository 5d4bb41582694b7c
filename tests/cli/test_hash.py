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
    assert hashes(tessera, "a.npy")["nodes"][0]["dtype"] == "float64"
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
    assert "checksum" in tessera.run("hash", "a", status=4).err
    tessera.run("hash", "a", "--stored")
    path.write_bytes(data[:10])
    tessera.run("hash", "a", "--stored", status=4)
    tessera.error("hash", "nowhere", status=3)
