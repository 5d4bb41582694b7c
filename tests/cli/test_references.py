"""Reference files, as kerchunk writes them: Zarr trees whose chunks stay in netCDF and HDF5 files."""

import base64
import json
import struct

import h5py
import netCDF4
import numpy as np
import pytest
import zarr

VALUES = np.random.default_rng(11).random((12, 10)).astype("f4")


def metadata(shape, chunks, dtype, compressor=None, filters=None):
    return {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": dtype, "compressor": compressor,
            "filters": filters, "fill_value": None, "order": "C"}


@pytest.fixture
def references(tmp_path):
    """What kerchunk makes of an HDF5 file with chunks (deflate and shuffle), a netCDF-3 file and inlined values."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("t", data=VALUES, chunks=(4, 5), compression="gzip", shuffle=True)
        chunks = [made.id.get_chunk_info(i) for i in range(made.id.get_num_chunks())]
    with netCDF4.Dataset(tmp_path / "b.nc", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("x", 5)
        file.createVariable("v", "i4", ("x",))[:] = [1, 2, 3, 4, 5]
    data = (tmp_path / "b.nc").read_bytes()
    at = data.index(struct.pack(">5i", 1, 2, 3, 4, 5))
    refs = {
        ".zgroup": '{"zarr_format": 2}',
        "g/.zgroup": {"zarr_format": 2},
        "g/t/.zarray": json.dumps(metadata([12, 10], [4, 5], "<f4", {"id": "zlib", "level": 4},
                                           [{"id": "shuffle", "elementsize": 4}])),
        "g/t/.zattrs": {"units": "K", "_ARRAY_DIMENSIONS": ["y", "x"]},
        "v/.zarray": metadata([5], [5], ">i4"),
        "v/0": ["b.nc", at, 20],
        "s/.zarray": metadata([3], [3], "<i4"),
        "s/0": "base64:" + base64.b64encode(struct.pack("<3i", 5, 6, 7)).decode(),
        "c/.zarray": metadata([4], [4], "|u1"),
        "c/0": "abcd",
    }
    for info in chunks:
        key = f"g/t/{info.chunk_offset[0] // 4}.{info.chunk_offset[1] // 5}"
        refs[key] = ["a.h5", info.byte_offset, info.size]
    return refs


def write(path, document):
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("version", [0, 1])
def test_read_in_place(tessera, tmp_path, references, version):
    write(tmp_path / "r.json", references if version == 0 else {"version": 1, "refs": references})
    assert [node["name"] for node in tessera.json("ls", "r.json", schema="ls")] == ["c", "g", "s", "v"]
    assert tessera.json("info", "r.json/g/t", schema="info")["attributes"]["units"] == "K"
    tessera.run("diff", "a.h5/t", "r.json/g/t")
    tessera.run("diff", "b.nc/v", "r.json/v")
    assert tessera.run("cat", "r.json/s").out == "5 6 7\n"
    assert tessera.run("cat", "r.json/c").out == "97 98 99 100\n"
    part = tessera.run("cat", "r.json/g/t[5:7, 3:8]", "--format", "raw").stdout
    assert part == VALUES[5:7, 3:8].tobytes()
    level = tessera.json("chunks", "r.json/g/t", schema="chunks")["levels"][0]
    assert level["stored"] == 6 and level["stored_bytes"] == sum(
        value[2] for key, value in references.items() if key.startswith("g/t/") and key[4].isdigit())
    assert tessera.json("check", "r.json", "--data", schema="check")["findings"] == []
    assert "a group, not an array" in tessera.error("cat", "reference:r.json", status=2)
    assert tessera.run("ls", "reference:r.json").out.split() == ["c", "g/", "s", "v"]


def test_copied_and_imported(tessera, tmp_path, references):
    write(tmp_path / "r.json", references)
    tessera.run("cp", "-r", "r.json", "c.zarr", "--verify")
    tessera.run("import", "r.json", "i.zarr", "--zarr-format", "3", "--codec", "zstd")
    for made in "c.zarr", "i.zarr":
        root = zarr.open_group(tmp_path / made, mode="r")
        assert np.array_equal(root["g/t"][:], VALUES) and root["g/t"].attrs["units"] == "K"
        assert root["v"][:].tolist() == [1, 2, 3, 4, 5]
        tessera.run("diff", "r.json", made)


def test_templates(tessera, tmp_path, references):
    refs = {key: ["{{folder}}/" + value[0], *value[1:]] if isinstance(value, list) else value
            for key, value in references.items()}
    write(tmp_path / "r.json", {"version": 1, "templates": {"folder": "."}, "gen": [], "refs": refs})
    tessera.run("diff", "a.h5/t", "r.json/g/t")
    tessera.run("diff", "b.nc/v", "r.json/v")


@pytest.mark.parametrize("url", ["./a.h5", "file://{folder}/a.h5", "{folder}//a.h5", "file:{folder}/./a.h5"])
def test_ways_to_write_a_path(tessera, tmp_path, references, url):
    url = url.format(folder=tmp_path)
    write(tmp_path / "r.json", {k: [url, *v[1:]] if k.startswith("g/t/") and isinstance(v, list) else v
                                for k, v in references.items()})
    tessera.run("diff", "a.h5/t", "r.json/g/t")
    # From another folder it is the same.
    tessera.run("diff", tmp_path / "a.h5" / "t", tmp_path / "r.json" / "g" / "t")


@pytest.mark.parametrize("url, status, words", [
    ("/etc/hostname", 6, "which is not below"),
    ("file:///etc/hostname", 6, "which is not below"),
    ("../a.h5", 6, "which is not below"),
    ("x/../../a.h5", 6, "which is not below"),
    ("{folder}/../a.h5", 6, "which is not below"),
    ("s3://bucket/a.h5", 8, "only files of this machine are read"),
    ("https://example.org/a.h5", 8, "only files of this machine are read"),
    ("gone.h5", 7, "which is not there"),
])
def test_references_that_are_not_followed(tessera, tmp_path, references, url, status, words):
    """None of them is taken for a chunk that was never written, and nothing outside of the folder is read."""
    folder = tmp_path / "refs"
    folder.mkdir()
    write(folder / "r.json", {k: [url.format(folder=folder), *v[1:]] if isinstance(v, list) else v
                              for k, v in references.items()})
    message = tessera.error("cat", "refs/r.json/v", status=status)
    assert words in message and "next: " in message
    # What does not need it is read.
    assert tessera.run("cat", "refs/r.json/s").out == "5 6 7\n"


def test_a_file_that_was_cut_off_is_damage(tessera, tmp_path, references):
    write(tmp_path / "r.json", references)
    path = tmp_path / "b.nc"
    path.write_bytes(path.read_bytes()[:-1])
    assert "which ends before that" in tessera.error("cat", "r.json/v", status=4)
    kinds = tessera.json("check", "r.json", "--data", schema="check", status=1)["findings"]
    assert [finding["kind"] for finding in kinds] == ["chunk"]


def test_whole_files(tessera, tmp_path, references):
    (tmp_path / "raw").write_bytes(struct.pack("<3i", 8, 9, 10))
    write(tmp_path / "r.json", {".zgroup": {"zarr_format": 2}, "s/.zarray": metadata([3], [3], "<i4"), "s/0": ["raw"]})
    assert tessera.run("cat", "r.json/s").out == "8 9 10\n"


@pytest.mark.parametrize("document, status, words", [
    ([1], 8, "no format that is known"),
    ({"a": 1}, 4, 'key "a": an integer'),
    ({"a": ["x", 1]}, 4, "[URL, offset, length]"),
    ({"a": ["x", -1, 5]}, 4, "[URL, offset, length]"),
    ({"a": ["x", 2**63 - 1, 5]}, 4, "[URL, offset, length]"),
    ({"a": [3]}, 4, "[URL, offset, length]"),
    ({"a": []}, 4, "[URL, offset, length]"),
    ({"a": "base64:!!"}, 4, "base64 is malformed"),
    ({"version": 2, "refs": {}}, 8, "version of the references"),
    ({"version": 1, "refs": []}, 4, "/refs: "),
    ({"version": 1, "refs": {}, "gen": [{"key": "a"}]}, 8, "generates references"),
    ({"version": 1, "refs": {"a": ["{{u}}"]}}, 8, "templates"),
    ({"version": 1, "templates": {"f": "{{c}}"}, "refs": {"a": ["{{f}}"]}}, 8, "templates"),
    ({"version": 1, "refs": {"a": ["{{u"]}}, 8, "templates"),
    ({}, 3, "no Zarr array or group"),
])
def test_what_is_refused(tessera, tmp_path, document, status, words):
    write(tmp_path / "r.json", document)
    assert words in tessera.error("tree", "r.json", status=status)


def test_nothing_is_written(tessera, tmp_path, references):
    write(tmp_path / "r.json", references)
    before = (tmp_path / "r.json").read_bytes()
    for command in (["put", "-", "r.json/s"], ["attr", "r.json/s", "a=1"], ["rm", "-f", "r.json/s"],
                    ["cp", "r.json/s", "r.json/n"], ["resize", "r.json/s", "9"]):
        assert tessera.run(*command, status=None, input=bytes(12)).status not in (0, 139)
    assert (tmp_path / "r.json").read_bytes() == before
