"""Examples of the extension registry, one document each: what is registered is opened and filled, what is not is refused by its
name with what can be done, and never taken for something else."""
import json

import pytest

import tessera_cli as cli


def shaped(**members):
    base = {"zarr_format": 3, "node_type": "array", "shape": [2, 3], "data_type": "int32", "fill_value": 0,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
            "chunk_key_encoding": {"name": "default"},
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}
    return {**base, **members}


def typed(data_type, fill_value, codec="bytes"):
    codecs = [codec] if codec != "bytes" else [{"name": "bytes", "configuration": {"endian": "little"}}]
    return shaped(data_type=data_type, fill_value=fill_value, codecs=codecs)


def named(name, /, **configuration):
    return {"name": name, "configuration": configuration}


POINT = named("struct", fields=[{"name": "x", "data_type": "float32"}, {"name": "y", "data_type": "float32"}])
STAMP = named("numpy.datetime64", unit="s", scale_factor=1)

# The document, and what each element then is.
OPENED = {
    "string": (typed("string", "", "vlen-utf8"), ""),
    "string with an object": (typed({"name": "string"}, "foo", "vlen-utf8"), "foo"),
    "bytes as base64": (typed("bytes", "AQID", "vlen-bytes"), "AQID"),
    "bytes as a list": (typed("bytes", [1, 2, 3], "vlen-bytes"), "AQID"),
    "variable_length_bytes": (typed("variable_length_bytes", "AQID", "vlen-bytes"), "AQID"),
    "datetime": (typed(STAMP, "NaT"), "NaT"),
    "datetime as a number": (typed(named("numpy.datetime64", unit="us", scale_factor=10), -2**63), "NaT"),
    "timedelta": (typed(named("numpy.timedelta64", unit="generic", scale_factor=1), 5), 5),
    "fixed_length_utf32": (typed(named("fixed_length_utf32", length_bytes=24), "abc"), "abc"),
    "null_terminated_bytes": (typed(named("null_terminated_bytes", length_bytes=4), "YWIAAA=="), "YWI="),
    "raw_bytes": (typed(named("raw_bytes", length_bytes=2), "AQI="), [1, 2]),
    "bfloat16": (typed("bfloat16", "0x3f80"), 1.0),
    "int4": (typed("int4", -8), -8),
    "float8_e4m3": (typed("float8_e4m3", 0.5), 0.5),
    "complex_float16": (typed("complex_float16", [1, "-Infinity"]), [1.0, "-Infinity"]),
    "struct": (typed(POINT, {"x": 1.5, "y": -4.25}), {"x": 1.5, "y": -4.25}),
    "struct in a struct": (typed(named("struct", fields=[{"name": "point", "data_type": POINT}, {"name": "at", "data_type": STAMP}]),
                                 {"point": {"x": 1.0, "y": 2.0}, "at": "NaT"}), {"point": {"x": 1.0, "y": 2.0}, "at": "NaT"}),
    "structured": (typed(named("structured", fields=[["x", "float32"], ["y", "int16"]]), "AAAAPwcA"), {"x": 0.5, "y": 7}),
    "rectilinear": (shaped(chunk_grid=named("rectilinear", kind="inline", chunk_shapes=[[[1, 2]], [2, 1]])), 0),
    "rectilinear with a step": (shaped(chunk_grid=named("rectilinear", kind="inline", chunk_shapes=[2, [1, 2]])), 0),
    "keys of v2": (shaped(chunk_key_encoding=named("v2", separator="/")), 0),
}

# The document, what the message says, and what can be done (or where it stands, of what is no metadata at all).
REFUSED = {
    "optional": (typed(named("optional", name="int32", configuration={}), None, "optional"), 'data type "optional"', "supported are: bool"),
    "decimal": (typed(named("decimal", precision=10, scale=2), 0), 'data type "decimal"', "supported are: bool"),
    "int128": (typed("int128", 0), 'data type "int128"', "supported are: bool"),
    "a string in a struct": (typed(named("struct", fields=[{"name": "s", "data_type": "string"}]), {"s": ""}), "is of variable length", "/data_type/configuration/fields"),
    "fanout": (shaped(chunk_key_encoding=named("fanout", max_children=1001)), 'chunk key encoding "fanout"', 'supported are "default"'),
    "suffix": (shaped(chunk_key_encoding=named("suffix", suffix=".tiff")), 'chunk key encoding "suffix"', 'supported are "default"'),
    "a bounded grid": (shaped(chunk_grid=named("zarrs.regular_bounded", chunk_shape=[2, 3])), 'chunk grid "zarrs.regular_bounded"',
                       'supported are "regular" and "rectilinear"'),
    "jpegxl": (shaped(data_type="uint8", codecs=[named("jpegxl")]), 'codec "jpegxl"', "known codecs: bytes"),
    "arrow-ipc": (shaped(codecs=[named("arrow-ipc", column_name="x")]), 'codec "arrow-ipc"', "known codecs: bytes"),
    "pcodec": (shaped(codecs=[named("numcodecs.pcodec")]), 'codec "numcodecs.pcodec"', "another compressor"),
    "zarrs.vlen": (typed("string", "", "zarrs.vlen"), 'codec "zarrs.vlen"', "known codecs: bytes"),
}


def written(folder, document):
    place = folder / "a"
    place.mkdir()
    (place / "zarr.json").write_text(json.dumps(document))
    return place


@pytest.mark.parametrize("name", OPENED)
def test_what_is_registered_is_opened(name, tmp_path):
    document, element = OPENED[name]
    found = json.loads(cli.run("cat", written(tmp_path, document), "--format", "json"))
    assert found == [[element] * 3] * 2


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_is_refused_with_a_next_step(name, tmp_path):
    document, message, step = REFUSED[name]
    with pytest.raises(cli.CommandError) as refusal:
        cli.run("cat", written(tmp_path, document))
    assert message in str(refusal.value) and step in str(refusal.value)
