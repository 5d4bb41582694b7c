"""create: arrays and groups, read back by zarr-python."""

import json

import numcodecs
import numpy as np
import pytest
import zarr


def test_a_sharded_array(tessera, tmp_path):
    tessera.run("create", "out.zarr/t", "--shape", "100,72,144", "--dtype", "float32", "--chunks", "10,72,144",
                "--shards", "50,72,144", "--codec", "zstd:3", "--fill-value", "NaN",
                "--dimension-names", "time,lat,lon", "--attributes", '{"units": "K", "n": 18446744073709551615}')
    array = zarr.open_array(tmp_path / "out.zarr" / "t", mode="r")
    assert array.shape == (100, 72, 144) and array.chunks == (10, 72, 144) and array.shards == (50, 72, 144)
    assert array.dtype == "float32" and np.isnan(array.fill_value)
    assert array.metadata.dimension_names == ("time", "lat", "lon")
    assert dict(array.attrs) == {"units": "K", "n": 2**64 - 1}
    assert isinstance(zarr.open_group(tmp_path / "out.zarr", mode="r"), zarr.Group)


@pytest.mark.parametrize("name", ["bool", "i1", "<i2", "int32", "int64", "u1", "uint16", "u4", "uint64", "f2",
                                  "float32", "f8", "complex64", "c16"])
def test_types_by_any_name(tessera, tmp_path, name):
    tessera.run("create", "a", "--shape", "3", "--dtype", name)
    assert zarr.open_array(tmp_path / "a", mode="r").dtype == np.dtype(name)


@pytest.mark.parametrize("dtype, text, expected", [
    ("float32", "NaN", np.nan), ("float64", "-inf", -np.inf), ("float64", "Infinity", np.inf),
    ("uint64", "18446744073709551615", 2**64 - 1), ("int8", "-128", -128), ("bool", "true", True),
    ("float16", "0x7c00", np.inf), ("complex64", '[1, "NaN"]', complex(1, np.nan)),
])
def test_fill_values(tessera, tmp_path, dtype, text, expected):
    tessera.run("create", "a", "--shape", "2", "--dtype", dtype, "--fill-value", text)
    got = zarr.open_array(tmp_path / "a", mode="r")[:]
    assert np.array_equal(got, np.full(2, expected, dtype), equal_nan=True)


def test_named_and_whole_chunks(tessera, tmp_path):
    tessera.run("create", "a", "--shape", "100,200,30", "--dtype", "u2", "--dimension-names", "t,y,x",
                "--chunks", "y=50,t=-1")
    assert zarr.open_array(tmp_path / "a", mode="r").chunks == (100, 50, 30)


def test_codecs_in_full(tessera, tmp_path):
    lists = {"--filters": [{"name": "transpose", "configuration": {"order": [1, 0]}}],
             "--serializer": {"name": "bytes", "configuration": {"endian": "big"}},
             "--compressors": [{"name": "gzip", "configuration": {"level": 9}}],
             "--index-codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}
    arguments = [word for name, value in lists.items() for word in (name, json.dumps(value))]
    tessera.run("create", "a", "--shape", "8,8", "--dtype", "i4", "--chunks", "2,4", "--shards", "4,8",
                "--index-location", "start", *arguments)
    document = json.loads((tmp_path / "a" / "zarr.json").read_text())
    shard = document["codecs"][0]["configuration"]
    assert [codec["name"] for codec in shard["codecs"]] == ["transpose", "bytes", "gzip"]
    assert shard["index_location"] == "start" and len(shard["index_codecs"]) == 1
    tessera.run("put", "-", "a", input=np.arange(64, dtype="<i4").tobytes())
    assert np.array_equal(zarr.open_array(tmp_path / "a", mode="r")[:], np.arange(64).reshape(8, 8))


def test_the_whole_chain_from_a_file(tessera, tmp_path):
    chain = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 1}}]
    (tmp_path / "chain.json").write_text(json.dumps(chain))
    tessera.run("create", "a", "--shape", "8", "--dtype", "i4", "--chunks", "4", "--codecs", "@chain.json")
    codecs = json.loads((tmp_path / "a" / "zarr.json").read_text())["codecs"]
    assert [codec["name"] for codec in codecs] == ["bytes", "zstd"]


def test_v2(tessera, tmp_path):
    tessera.run("create", "g.zarr/a", "--zarr-format", "2", "--shape", "6,4", "--dtype", "f4", "--chunks", "3,4",
                "--order", "F", "--separator", "/", "--compressors", '[{"id": "zlib", "level": 4}]')
    document = json.loads((tmp_path / "g.zarr" / "a" / ".zarray").read_text())
    assert document["order"] == "F" and document["dimension_separator"] == "/"
    assert document["compressor"]["id"] == "zlib" and (tmp_path / "g.zarr" / ".zgroup").exists()
    values = np.arange(24, dtype="<f4").reshape(6, 4)
    tessera.run("put", "-", "g.zarr/a", input=values.tobytes())
    assert np.array_equal(zarr.open_array(tmp_path / "g.zarr" / "a", mode="r")[:], values)


def test_scalars_and_empty_arrays(tessera, tmp_path):
    tessera.run("create", "s", "--shape", "", "--dtype", "i2", "--fill-value", "7")
    tessera.run("create", "e", "--shape", "0,5", "--dtype", "i2")
    assert zarr.open_array(tmp_path / "s", mode="r")[()] == 7
    assert zarr.open_array(tmp_path / "e", mode="r")[:].shape == (0, 5)


def test_groups(tessera, tmp_path):
    tessera.run("create", "g.zarr/h", "--attributes", '{"title": "runs"}')
    assert dict(zarr.open_group(tmp_path / "g.zarr" / "h", mode="r").attrs) == {"title": "runs"}
    assert isinstance(zarr.open(tmp_path / "g.zarr", mode="r"), zarr.Group)


def test_json(tessera):
    info = tessera.json("create", "a", "--shape", "10,10", "--dtype", "f4", schema="info")
    assert info["shape"] == [10, 10]
    assert tessera.json("create", "g", schema="info")["kind"] == "group"


def test_nothing_is_overwritten_unasked(tessera, tmp_path, counting):
    message = tessera.error("create", "a.zarr", "--shape", "3", "--dtype", "u1", status=8)
    assert "--overwrite" in message
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[:], counting)
    tessera.run("create", "a.zarr", "--shape", "3", "--dtype", "u1", "--overwrite")
    assert zarr.open_array(tmp_path / "a.zarr", mode="r").shape == (3,)


def test_a_folder_of_somebody_else_is_not_replaced(tessera, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    tessera.run("create", "mine", "--shape", "3", "--dtype", "u1", "--overwrite", status=None)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_dry_run(tessera, tmp_path, counting):
    assert tessera.run("create", "b", "--shape", "3", "--dtype", "u1", "-n").out == "would create the array b\n"
    assert not (tmp_path / "b").exists()
    tessera.error("create", "a.zarr", "--shape", "3", "--dtype", "u1", "-n", status=8)
    out = tessera.run("create", "a.zarr", "--shape", "3", "--dtype", "u1", "-n", "--overwrite").out
    assert out == "would replace the array a.zarr\n"
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[:], counting)


@pytest.mark.parametrize("options, words", [
    (["--shape", "3"], "--dtype is missing"),
    (["--dtype", "f4"], "--shape"),
    (["--shape", "3,-1", "--dtype", "f4"], "lengths from 0 up"),
    (["--shape", "3,,4", "--dtype", "f4"], "lengths from 0 up"),
    (["--shape", "9223372036854775808", "--dtype", "f4"], "lengths from 0 up"),
    (["--shape", ",".join(["1"] * 33), "--dtype", "f4"], "at most 32"),
    (["--shape", "3", "--dtype", "float33"], "float33"),
    (["--shape", "3", "--dtype", "f4", "--chunks", "0"], "not a length"),
    (["--shape", "3", "--dtype", "f4", "--chunks", "none"], "none"),
    (["--shape", "3", "--dtype", "f4", "--chunks", "2", "--shards", "3"], "3"),
    (["--shape", "3,3", "--dtype", "f4", "--chunks", "y=2,2"], "a name, or none"),
    (["--shape", "3", "--dtype", "f4", "--codec", "zstt:5"], "zst"),
    (["--shape", "3", "--dtype", "f4", "--codec", "zstd:99"], "99"),
    (["--shape", "3", "--dtype", "u1", "--fill-value", "256"], "--fill-value"),
    (["--shape", "3", "--dtype", "u1", "--fill-value", "x"], "--fill-value"),
    (["--shape", "3", "--dtype", "u1", "--attributes", "{"], "the document ends where"),
    (["--shape", "3", "--dtype", "u1", "--attributes", "[1]"], "attributes"),
    (["--shape", "3", "--dtype", "u1", "--dimension-names", "a,b"], "2 names for 1"),
    (["--shape", "3", "--dtype", "u1", "--codecs", "[]", "--codec", "zstd"], "whole chain"),
    (["--shape", "3", "--dtype", "u1", "--compressors", "[]", "--codec", "zstd"], "not both"),
    (["--shape", "3", "--dtype", "u1", "--order", "F"], "--zarr-format 2"),
    (["--shape", "3", "--dtype", "u1", "--zarr-format", "2", "--shards", "3"], "no shards"),
    (["--shape", "3", "--dtype", "u1", "--zarr-format", "4"], "2|3"),
    (["--shape", "3", "--dtype", "u1", "--separator", "-"], "/|."),
])
def test_usage_errors(tessera, tmp_path, options, words):
    assert words in tessera.error("create", "a", *options, status=2)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("text", [
    '{"a": [1, -2, 18446744073709551615, -9223372036854775808, 0]}',
    '{"a": [0.1, 1e300, -1.5E-7, 12345678901234567890.5]}',
    r'{"a\"b": "\u00e9\u65e5\ud83d\ude00 \\ \/ \b\f\n\r\t \u0001"}',
    '{"é": "日本", "empty": {}, "none": [], "null": null, "yes": true, "no": false}',
    '{"a": {"b": [{"c": [[[]]]}, 1]}}',
    ' \n{ "a" :\t1 , "b" : [ 1 , 2 ] } \r\n',
])
def test_attributes_of_every_kind_survive(tessera, tmp_path, text):
    tessera.run("create", "g", "--attributes", text)
    expected = json.loads(text)
    assert json.loads((tmp_path / "g" / "zarr.json").read_text())["attributes"] == expected
    assert tessera.json("info", "g", schema="info")["attributes"] == expected
    assert tessera.json("tree", "g", schema="tree")["attributes"] == expected


@pytest.mark.parametrize("text", ["", "{", "[1]]", "{'a': 1}", '{"a" 1}', '{"a": 01}', '{"a": 1.}', '{"a": .5}', '{"a": +1}',
                                  '{"a": 1e}', '{"a": tru}', '{"a": "\\x"}', '{"a": "\\u12g4"}', '{"a": "\n"}', '{"a": 1,}',
                                  '{"a": "', '{"a": "\\', "[" * 600 + "]" * 600, "{}{}", '{"a": 1 "b": 2}'])
def test_what_is_no_json_is_refused(tessera, tmp_path, text):
    assert "--attributes" in tessera.error("create", "g", "--attributes", text, status=None)
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("text, dtype, wanted", [
    ("delta", "<i4", [{"id": "delta", "dtype": "<i4", "astype": "<i4"}]),
    ("delta=i2", "<i4", [{"id": "delta", "dtype": "<i4", "astype": "<i2"}]),
    ("bitround=10", "<f4", [{"id": "bitround", "keepbits": 10}]),
    ("quantize=2", "<f8", [{"id": "quantize", "digits": 2, "dtype": "<f8", "astype": "<f8"}]),
    ("fixedscaleoffset=0:2.5:u2", "<f8", [{"id": "fixedscaleoffset", "offset": 0, "scale": 2.5, "dtype": "<f8", "astype": "<u2"}]),
    # A filter gets what the one before it makes.
    ("fixedscaleoffset=-1:100:i2,delta", "<f8", [
        {"id": "fixedscaleoffset", "offset": -1, "scale": 100, "dtype": "<f8", "astype": "<i2"},
        {"id": "delta", "dtype": "<i2", "astype": "<i2"}]),
    ("astype=f4,bitround=12", "<f8", [{"id": "astype", "encode_dtype": "<f4", "decode_dtype": "<f8"},
                                      {"id": "bitround", "keepbits": 12}]),
    ("packbits", "|b1", [{"id": "packbits"}]),
])
def test_filters_in_short_form(tessera, tmp_path, version, text, dtype, wanted):
    """What zarr-python and numcodecs read back, and decode."""
    tessera.run("create", "a", "--shape", "40", "--chunks", "16", "--dtype", dtype, "--zarr-format", version,
                "--filters", text, "--codec", "zstd:1")
    values = (np.arange(40) % 2 if dtype == "|b1" else np.arange(40) * 2).astype(dtype)
    np.save(tmp_path / "v.npy", values)
    tessera.run("put", "v.npy", "a")
    if version == "3" and "bitround" in text:
        # zarr-python does not know bitround by the name of the registry.
        tessera.run("export", "a", "got.npy")
        got = np.load(tmp_path / "got.npy")
    else:
        got = zarr.open_array(tmp_path / "a", mode="r")[:]
    assert got.dtype == values.dtype and np.allclose(got, values, atol=0.3)
    document = json.loads((tmp_path / "a" / (".zarray" if version == "2" else "zarr.json")).read_text())
    if version == "2":
        assert [numcodecs.get_codec(row) for row in document["filters"]] == [numcodecs.get_codec(row) for row in wanted]
    else:
        assert [row["name"].removeprefix("numcodecs.") for row in document["codecs"]][:len(wanted)] == [row["id"] for row in wanted]


def test_transpose_in_short_form(tessera, tmp_path):
    tessera.run("create", "a", "--shape", "4,5,6", "--dtype", "u1", "--filters", "transpose=2:0:1")
    assert json.loads((tmp_path / "a" / "zarr.json").read_text())["codecs"][0] == {
        "name": "transpose", "configuration": {"order": [2, 0, 1]}}
    assert "--order F" in tessera.error("create", "b", "--shape", "4,5", "--dtype", "u1", "--zarr-format", "2",
                                        "--filters", "transpose=1:0", status=2)


def test_short_filters_of_a_tree_follow_each_array(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g", zarr_format=2)
    for dtype in ("i2", "i8", "f4"):
        group.create_array(dtype, data=np.arange(10, dtype=dtype), filters=None)
    tessera.run("cp", "-r", "g", "h", "--filters", "delta")
    for dtype in ("i2", "i8", "f4"):
        assert json.loads((tmp_path / "h" / dtype / ".zarray").read_text())["filters"][0]["dtype"] == "<" + dtype
        assert zarr.open_array(tmp_path / "h" / dtype, mode="r")[:].tolist() == list(range(10))


@pytest.mark.parametrize("text", ["", "bitround", "bitround=", "bitround=x", "bitround=3:4", "delta=", "delta,", "gzip", "quantize=1.5",
                                  "fixedscaleoffset=1", "fixedscaleoffset=1:NaN", "delta=nothing", "transpose", "transpose=a",
                                  "packbits=1", "delta=U3"])
def test_what_is_no_short_form(tessera, tmp_path, text):
    tessera.error("create", "a", "--shape", "40", "--dtype", "i4", "--filters", text, status=2)
    assert not list(tmp_path.iterdir())


def test_short_forms_are_for_numbers(tessera, tmp_path):
    assert "no short form is for string" in tessera.error(
        "create", "a", "--shape", "4", "--dtype", "string", "--filters", "delta", status=2)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", [">i4", '[["a", ">i2"], ["b", "|u1"], ["c", ">f8"]]', ">M8[D]"])
def test_a_byte_order_in_the_type(tessera, tmp_path, dtype, zarr_format):
    tessera.run("create", "a", "--shape", "4", "--dtype", dtype, "--zarr-format", zarr_format, "--codec", "none")
    wanted = np.dtype([tuple(f) for f in json.loads(dtype)] if dtype[0] == "[" else dtype)
    values = np.array([(1, 2, 3.5)] * 4 if wanted.fields else [1, 2, 3, 4], wanted)
    tessera.run("put", "-", "a", input=values.astype(wanted.newbyteorder("<")).tobytes())
    assert (tmp_path / ("a/0" if zarr_format == 2 else "a/c/0")).read_bytes() == values.tobytes()
    assert not tessera.run("cat", "a", "--format", "raw").stdout.startswith(values.tobytes()[:4])
    if zarr_format == 2:
        assert zarr.open_array(tmp_path / "a", mode="r").dtype == wanted


def test_byte_orders_that_nothing_is_made_of(tessera):
    message = tessera.error("create", "a", "--shape", "4", "--dtype", '[["a", ">i2"], ["b", "<i2"]]', status=2)
    assert "both byte orders" in message
    message = tessera.error("import", "-", "a", "--shape", "2", "--dtype", ">i2", status=2)
    assert "little-endian" in message
    tessera.run("create", "b", "--shape", "4", "--dtype", ">i1")
