"""Element types beyond the core ones: what we write is read by programs that we did not write, and the other way
round. A few values of each type and form run here; TESSERA_INTEROP_SCALE asks for more."""
import base64
import io
import json
import os
import zlib

import ml_dtypes
import numpy as np
import pytest
import tensorstore
import zarr

import tessera_cli as cli

SCALE = int(os.environ.get("TESSERA_INTEROP_SCALE", "1"))
SMALL = ["int2", "int4", "uint2", "uint4", "bfloat16", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float8_e3m4",
         "float8_e4m3", "float8_e4m3fn", "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
         "float8_e8m0fnu"]
# tensorstore has neither the others nor, of the name float8_e4m3, the registered format.
IN_TENSORSTORE = ["int2", "int4", "bfloat16", "float8_e3m4", "float8_e4m3fn", "float8_e4m3b11fnuz", "float8_e4m3fnuz",
                  "float8_e5m2", "float8_e5m2fnuz"]


def codec(name, **configuration):
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


def small_values(name, shape):
    """Every pattern of the type, again and again, in the bytes that storage has."""
    dtype = np.dtype(getattr(ml_dtypes, name))
    bits = 8 * dtype.itemsize if name == "bfloat16" else int("".join(c for c in name.split("_")[0] if c.isdigit()))
    patterns = np.random.default_rng(1).permutation(2**bits).astype(f"u{dtype.itemsize}")
    return np.resize(patterns, shape), dtype, bits


def open_tensorstore(place):
    return tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{place}/"}}, open=True).result()


def create_small(place, name, shape, itemsize, fill, *extra):
    chain = [codec("bytes", endian="little") if itemsize > 1 else codec("bytes"), codec("crc32c")]
    cli.run("create", place, f"--shape={cli.join(shape)}", "--chunks=7,50", f"--dtype={name}", f"--fill-value={fill}",
            f"--codecs={json.dumps(chain)}", *extra)


@pytest.mark.parametrize("name", SMALL)
def test_small_numbers(name, tmp_path):
    shape = (20, 90 * SCALE)
    stored, dtype, bits = small_values(name, shape)
    values = stored.view(dtype)
    place = tmp_path / "a.zarr"
    create_small(place, name, shape, dtype.itemsize, "1")
    cli.put(place, stored)
    # In memory signed integers carry their sign upwards; the patterns are the same.
    raw = np.frombuffer(cli.run("cat", place, "--format", "raw"), stored.dtype).reshape(shape)
    assert np.array_equal(raw & (2**bits - 1), stored)
    if np.dtype(dtype).kind != "f" and name.startswith("int"):
        assert np.array_equal(raw.view("i1"), values.astype("i1"))
    # As text, and through a cast, each is the number that ml_dtypes has.
    wide = values.astype("f8")
    listed = json.loads(cli.run("cat", place, "--format", "json"))
    texts = np.array([[np.nan if isinstance(v, str) and v.startswith(("NaN", "0x")) else float(v) for v in row]
                      for row in listed])
    if name != "float8_e8m0fnu":  # whose smallest number ml_dtypes does not read from a float32
        assert np.array_equal(texts.astype("f4").astype(dtype).astype("f8"), wide, equal_nan=True)
    cli.run("cp", place, tmp_path / "wide.zarr", "--dtype", "float64", "--casting", "safe")
    assert np.array_equal(cli.read(tmp_path / "wide.zarr", "f8", shape), wide, equal_nan=True)
    # What a decoder sees are bytes with nothing in the upper bits.
    chunk = (place / "c" / "0" / "0").read_bytes()[:-4]
    assert chunk == stored[:7, :50].tobytes()
    if name in IN_TENSORSTORE:
        assert np.array_equal(open_tensorstore(place).read().result().view(stored.dtype) & (2**bits - 1), stored)


@pytest.mark.parametrize("name", IN_TENSORSTORE)
def test_small_numbers_that_tensorstore_wrote(name, tmp_path):
    shape = (20, 90)
    stored, dtype, bits = small_values(name, shape)
    store = tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/a.zarr/"},
                              "metadata": {"data_type": name, "shape": shape, "fill_value": 1,
                                           "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [7, 50]}},
                                           "codecs": [codec("bytes", endian="little"), codec("gzip", level=1)]}},
                             create=True).result()
    values = stored.astype(stored.dtype).view(dtype)
    store.write(values).result()
    raw = np.frombuffer(cli.run("cat", tmp_path / "a.zarr", "--format", "raw"), stored.dtype).reshape(shape)
    assert np.array_equal(raw & (2**bits - 1), stored)
    info = json.loads(cli.run("info", tmp_path / "a.zarr", "--json"))
    assert info["dtype"] == name and info["fill_value"] == 1


@pytest.mark.parametrize("name, fill, text", [
    ("bfloat16", "NaN", "NaN"), ("bfloat16", "0x7fc1", "0x7fc1"), ("bfloat16", "0.1", 0.1), ("float8_e4m3fn", "0xff", "0xff"),
    ("float8_e5m2fnuz", "NaN", "NaN"), ("float4_e2m1fn", "-6", -6.0), ("int4", "-8", -8), ("uint2", "3", 3),
    ("complex_float8_e4m3", '[1.5, "NaN"]', [1.5, "NaN"]), ("complex_bfloat16", "[-0.0, 1]", [-0.0, 1.0])])
def test_fill_values(name, fill, text, tmp_path):
    cli.run("create", tmp_path / "a.zarr", "--shape=3", f"--dtype={name}", f"--fill-value={fill}")
    assert json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["fill_value"] == text
    assert json.loads(cli.run("cat", tmp_path / "a.zarr[1]", "--format", "json")) == text
    if name in IN_TENSORSTORE and not name.startswith("complex"):
        value = open_tensorstore(tmp_path / "a.zarr").read().result()
        assert np.array_equal(value, cli_values(tmp_path / "a.zarr", name), equal_nan=True)


def cli_values(place, name):
    dtype = np.dtype(getattr(ml_dtypes, name))
    return np.frombuffer(cli.run("cat", place, "--format", "raw"), dtype)


@pytest.mark.parametrize("name, fill", [("int4", "8"), ("uint2", "-1"), ("float4_e2m1fn", "NaN"),
                                        ("float6_e3m2fn", "Infinity"), ("float8_e4m3fnuz", "-Infinity"),
                                        ("float8_e8m0fnu", "0"), ("float8_e8m0fnu", "-1"), ("float4_e2m1fn", "7"),
                                        ("float8_e4m3fn", "500"), ("float4_e2m1fn", "0x10")])
def test_fill_values_that_a_type_lacks(name, fill, tmp_path):
    with pytest.raises(cli.CommandError, match=f"is not a value of type {name}"):
        cli.run("create", tmp_path / "a.zarr", "--shape=3", f"--dtype={name}", f"--fill-value={fill}")


@pytest.mark.parametrize("name", IN_TENSORSTORE)
def test_small_numbers_of_v2_have_the_names_of_tensorstore(name, tmp_path):
    """The only program with types in v2 that NumPy has no typestr for, bfloat16 of checkpoints above all."""
    stored, dtype, bits = small_values(name, (40,))
    theirs = tensorstore.open({"driver": "zarr", "kvstore": {"driver": "file", "path": f"{tmp_path}/theirs/"}},
                              create=True, dtype=tensorstore.dtype(name), shape=[40]).result()
    theirs.write(stored.view(dtype)).result()
    raw = np.frombuffer(cli.run("cat", tmp_path / "theirs", "--format", "raw"), stored.dtype)
    assert np.array_equal(raw & (2**bits - 1), stored)
    cli.run("cp", tmp_path / "theirs", tmp_path / "ours", "--zarr-format=2", "--chunks=7")
    assert json.loads((tmp_path / "ours/.zarray").read_text())["dtype"] == name
    ours = tensorstore.open({"driver": "zarr", "kvstore": {"driver": "file", "path": f"{tmp_path}/ours/"}}).result()
    assert np.array_equal(ours.read().result().view(stored.dtype), theirs.read().result().view(stored.dtype))


def test_what_has_no_other_form_is_refused(tmp_path):
    cli.run("create", tmp_path / "a.zarr", "--shape=3", "--dtype=bfloat16")
    with pytest.raises(cli.CommandError, match="an .npy file has no type for bfloat16"):
        cli.run("export", tmp_path / "a.zarr", tmp_path / "a.npy")
    with pytest.raises(cli.CommandError, match="an .npy file has no type for bfloat16"):
        cli.run("cat", tmp_path / "a.zarr", "--format", "npy")
    with pytest.raises(cli.CommandError, match="Zarr 2 has no data type for float8_e4m3"):
        cli.run("create", tmp_path / "b.zarr", "--shape=3", "--dtype=float8_e4m3", "--zarr-format=2")


def test_figures_and_differences(tmp_path):
    values = np.array([1.5, -2, np.nan, 240], ml_dtypes.float8_e4m3)
    cli.run("create", tmp_path / "a.zarr", "--shape=4", "--dtype=float8_e4m3")
    cli.put(tmp_path / "a.zarr", values.view("u1"))
    stats = json.loads(cli.run("stats", tmp_path / "a.zarr", "--json"))
    assert (stats["min"], stats["max"], stats["nan_count"]) == (-2.0, 240.0, 1)
    assert stats["mean"] == pytest.approx((1.5 - 2 + 240) / 3)
    cli.run("create", tmp_path / "c.zarr", "--shape=2", "--dtype=complex_bfloat16")
    cli.put(tmp_path / "c.zarr", np.array([3, 4, 0, 1], ml_dtypes.bfloat16).view("u2"))
    assert json.loads(cli.run("stats", tmp_path / "c.zarr", "--json"))["max"] == 5.0
    cli.run("create", tmp_path / "i.zarr", "--shape=3", "--dtype=int4")
    cli.put(tmp_path / "i.zarr", np.array([-8, 7, 0], "i1"))
    stats = json.loads(cli.run("stats", tmp_path / "i.zarr", "--json"))
    assert (stats["min"], stats["max"]) == (-8, 7)
    cli.run("cp", tmp_path / "a.zarr", tmp_path / "same.zarr")
    cli.run("diff", tmp_path / "a.zarr", tmp_path / "same.zarr")


# ---- types with parameters, against zarr-python ----

UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
STRUCT = np.dtype([("id", "<i4"), ("point", [("x", "<f4"), ("y", "<f8")]), ("full name", "<U3"), ("flag", "?"),
                   ("time", "<M8[s]"), ("bytes", "S3")])
# zarr-python cannot take a fill value of structs with times in them.
WITHOUT_TIME = np.dtype([(name, STRUCT[name]) for name in STRUCT.names if name != "time"])
TIMES = [np.dtype(f"{kind}8[{scale}{unit}]") for kind in "Mm" for unit in UNITS for scale in ("", "10")]
WITH_PARAMETERS = [*(TIMES if SCALE > 1 else TIMES[::6]), np.dtype("U1"), np.dtype("U7"), np.dtype("S9"), WITHOUT_TIME]


def parameter_values(dtype, count, seed=3):
    random = np.random.default_rng(seed)
    if dtype.kind in "mM":
        values = random.integers(-2**62, 2**62, count).view("i8")
        values[:3] = [0, -1, -2**63]
        return values.view(dtype)
    if dtype.kind == "U":
        letters = np.array(list("aé€😀\n\"\\ "))
        return np.array(["".join(random.choice(letters, random.integers(0, dtype.itemsize // 4 + 1)))
                         for _ in range(count)], dtype)
    if dtype.kind == "S":
        return np.array([bytes(random.integers(1, 256, random.integers(0, dtype.itemsize + 1), dtype=np.uint8))
                         for _ in range(count)], dtype)
    result = np.zeros(count, dtype)
    for name in dtype.names:
        field = dtype[name]
        if field.names or field.kind in "mMUS":
            result[name] = parameter_values(field, count, seed + 1)
        else:
            result[name] = random.integers(0, 2 if field.kind == "b" else 1000, count)
    return result


def type_text(dtype):
    if dtype.names:
        return json.dumps([[name, dtype[name].descr if dtype[name].names else dtype[name].str] for name in dtype.names])
    return dtype.str


def same_elements(left, right):
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", WITH_PARAMETERS, ids=str)
def test_types_with_parameters_of_zarr_python(dtype, zarr_format, tmp_path):
    count = 40 * SCALE
    values = parameter_values(dtype, count)
    array = zarr.create_array(tmp_path / "theirs.zarr", shape=(count,), chunks=(7,), dtype=dtype,
                              zarr_format=zarr_format, fill_value=values[5])
    array[3:] = values[3:]
    values[:3] = values[5]
    assert same_elements(cli.read(tmp_path / "theirs.zarr", dtype, (count,)), values)
    # Ours, made from theirs: the same fill value, the same elements.
    info = json.loads(cli.run("info", tmp_path / "theirs.zarr", "--json"))
    if dtype.names:
        return  # this zarr-python opens neither the registered struct nor nested fields of v2
    extra = [] if zarr_format == 3 else ["--zarr-format=2"]
    cli.run("create", tmp_path / "ours.zarr", f"--shape={count}", "--chunks=7", f"--dtype={type_text(dtype)}",
            f"--fill-value={json.dumps(info['fill_value'])}", *extra)
    cli.run("put", "-", tmp_path / "ours.zarr", "--select", "3:", data=values[3:].tobytes())
    ours = zarr.open_array(tmp_path / "ours.zarr", mode="r")
    assert ours.dtype == dtype
    assert same_elements(np.asarray(ours[...]), values)
    cli.run("diff", tmp_path / "theirs.zarr", tmp_path / "ours.zarr")


@pytest.mark.parametrize("dtype", [">M8[ns]", ">U4", [("a", ">i4"), ("b", ">U2"), ("c", "S3")]], ids=str)
def test_big_endian_types_of_v2(dtype, tmp_path):
    dtype = np.dtype(dtype)
    values = parameter_values(dtype.newbyteorder("<"), 20)
    array = zarr.create_array(tmp_path / "a.zarr", shape=(20,), chunks=(7,), dtype=dtype, zarr_format=2,
                              fill_value=values[4].astype(dtype))
    array[2:] = values[2:].astype(dtype)
    values[:2] = values[4]
    assert same_elements(cli.read(tmp_path / "a.zarr", dtype.newbyteorder("<"), (20,)), values)
    cli.run("create", tmp_path / "b.zarr", "--shape=20", "--chunks=7", f"--dtype={type_text(dtype)}", "--zarr-format=2",
            '--serializer={"name":"bytes","configuration":{"endian":"big"}}',
            f"--fill-value={json.dumps(json.loads(cli.run('info', tmp_path / 'a.zarr', '--json'))['fill_value'])}")
    cli.run("put", "-", tmp_path / "b.zarr", "--select", "2:", data=values[2:].tobytes())
    ours = zarr.open_array(tmp_path / "b.zarr", mode="r")
    assert ours.dtype == dtype and same_elements(ours[...].astype(dtype.newbyteorder("<")), values)


MIXED = np.dtype([("a", ">i4"), ("b", "<u2", (2, 3)), ("c", [("d", "<f8"), ("e", ">f4"), ("f", "|S3")], (2,)), ("g", ">U2"),
                  ("h", "|u1"), ("i", ">M8[s]")])


@pytest.mark.parametrize("order", ["C", "F"])
def test_structs_of_both_byte_orders(order, tmp_path):
    """Chunks as NumPy has them in memory, which is what v2 says; nobody asks a program to read its own writing."""
    shape, chunks = (6, 5), (4, 3)
    values = np.frombuffer(np.random.default_rng(5).integers(1, 100, 30 * MIXED.itemsize, "u1").tobytes(), MIXED).copy()
    values["g"] = [f"{i}é"[:2] for i in range(30)]
    values = values.reshape(shape)
    fill = values[1, 2:3].copy()
    place = tmp_path / "a.zarr"
    place.mkdir()
    described = json.loads(json.dumps(MIXED.descr))
    (place / ".zarray").write_text(json.dumps({
        "zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": described, "order": order, "filters": None,
        "compressor": {"id": "zlib", "level": 1}, "fill_value": base64.b64encode(fill.tobytes()).decode()}))
    for i, j in np.ndindex(2, 2):
        if (i, j) == (1, 1):
            continue
        chunk = np.zeros(chunks, MIXED)
        part = values[4 * i:4 * i + 4, 3 * j:3 * j + 3]
        chunk[:part.shape[0], :part.shape[1]] = part
        (place / f"{i}.{j}").write_bytes(zlib.compress(chunk.tobytes(order)))
    values[4:, 3:] = fill[0]
    little = MIXED.newbyteorder("<")
    assert same_elements(cli.read(place, little, shape), values.astype(little))
    # Written in part, and with other attributes, the fields stay in their orders.
    cli.run("put", "-", place, "--select", "3:6,1:4", data=values[:3, :3].astype(little).tobytes())
    values[3:6, 1:4] = values[:3, :3].copy()
    cli.run("resize", place, "9,5")
    cli.run("resize", place, "6,5")
    assert json.loads((place / ".zarray").read_text())["dtype"] == described
    chunk = np.frombuffer(zlib.decompress((place / "0.0").read_bytes()), MIXED).reshape(chunks, order=order)
    assert same_elements(chunk, values[:4, :3])
    # A copy has one order.
    cli.run("cp", place, tmp_path / "b.zarr")
    assert same_elements(cli.read(tmp_path / "b.zarr", little, shape), values.astype(little))
    assert ">" not in (tmp_path / "b.zarr" / ".zarray").read_text()
    cli.run("diff", place, tmp_path / "b.zarr")


def test_structs_of_v3(tmp_path):
    """The registered form: an object for each element, in the order of the fields."""
    values = parameter_values(STRUCT, 10)
    cli.run("create", tmp_path / "a.zarr", "--shape=10", "--chunks=4", f"--dtype={type_text(STRUCT)}")
    metadata = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    assert metadata["data_type"]["name"] == "struct"
    fields = metadata["data_type"]["configuration"]["fields"]
    assert [field["name"] for field in fields] == list(STRUCT.names)
    assert fields[0]["data_type"] == "int32" and fields[1]["data_type"]["name"] == "struct"
    assert fields[2]["data_type"] == {"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}}
    assert metadata["fill_value"] == {"id": 0, "point": {"x": 0.0, "y": 0.0}, "full name": "", "flag": False, "time": 0,
                                      "bytes": ""}
    assert metadata["codecs"][0] == codec("bytes", endian="little")
    cli.run("put", "-", tmp_path / "a.zarr", data=values.tobytes())
    assert same_elements(cli.read(tmp_path / "a.zarr", STRUCT, (10,)), values)
    element = json.loads(cli.run("cat", tmp_path / "a.zarr[7]", "--format", "json"))
    assert list(element) == list(STRUCT.names)
    assert (element["id"], element["point"]["x"], element["full name"]) == (
        values["id"][7], values["point"]["x"][7], values["full name"][7])
    big = [{"name": "bytes", "configuration": {"endian": "big"}}]
    cli.run("create", tmp_path / "b.zarr", "--shape=10", f"--dtype={json.dumps(metadata['data_type'])}",
            f"--codecs={json.dumps(big)}")
    cli.run("put", tmp_path / "a.zarr", tmp_path / "b.zarr")
    stored = (tmp_path / "b.zarr" / "c" / "0").read_bytes()
    assert stored == values.astype(STRUCT.newbyteorder(">")).tobytes()


def test_structs_with_arrays_are_of_v2(tmp_path):
    dtype = np.dtype([("a", "<i2", (2, 3)), ("b", "u1")])
    values = np.zeros(5, dtype)
    values["a"] = np.arange(30).reshape(5, 2, 3)
    text = json.dumps([["a", "<i2", [2, 3]], ["b", "|u1"]])
    cli.run("create", tmp_path / "a.zarr", "--shape=5", f"--dtype={text}", "--zarr-format=2")
    assert json.loads((tmp_path / "a.zarr" / ".zarray").read_text())["dtype"] == json.loads(text)
    cli.run("put", "-", tmp_path / "a.zarr", data=values.tobytes())
    assert json.loads(cli.run("cat", tmp_path / "a.zarr[1]", "--format", "json")) == {
        "a": [[6, 7, 8], [9, 10, 11]], "b": 0}
    with pytest.raises(cli.CommandError, match="which no struct of Zarr 3 has"):
        cli.run("create", tmp_path / "b.zarr", "--shape=5", f"--dtype={text}")


def test_times_and_texts_for_people(tmp_path):
    times = np.array(["1969-12-31T23:59:59", "2024-02-29T12:00:00", "NaT"], "M8[s]")
    cli.run("create", tmp_path / "t.zarr", "--shape=3", "--dtype=datetime64[s]", "--fill-value=2000-01-01")
    assert cli.run("cat", tmp_path / "t.zarr[0]").decode() == "2000-01-01T00:00:00\n"
    cli.run("put", "-", tmp_path / "t.zarr", data=times.tobytes())
    assert cli.run("cat", tmp_path / "t.zarr").decode().split() == [str(time) for time in times]
    assert json.loads(cli.run("cat", tmp_path / "t.zarr", "--format", "json")) == [-1, 1709208000, "NaT"]
    npy = np.load(io.BytesIO(cli.run("cat", tmp_path / "t.zarr", "--format", "npy")))
    assert same_elements(npy, times)
    cli.run("cp", tmp_path / "t.zarr", tmp_path / "d.zarr", "--dtype", "M8[D]", "--casting", "same_kind")
    days = np.load(io.BytesIO(cli.run("cat", tmp_path / "d.zarr", "--format", "npy")))
    assert same_elements(days, times.astype("M8[D]"))
    texts = np.array([["a,b", 'q"q'], ["tab\there", "é"]])
    np.save(tmp_path / "u.npy", texts)
    cli.run("import", tmp_path / "u.npy", tmp_path / "u.zarr")
    assert np.array_equal(zarr.open_array(tmp_path / "u.zarr")[...], texts)
    assert cli.run("cat", tmp_path / "u.zarr", "--format", "csv").decode() == '"a,b","q\\""q"\ntab\\there,é\n'
    raw = np.array([b"ABC", b"x\x1by"])
    cli.run("create", tmp_path / "s.zarr", "--shape=2", "--dtype=S3", "--fill-value=abc")
    assert json.loads((tmp_path / "s.zarr" / "zarr.json").read_text())["fill_value"] == "YWJj"
    cli.run("put", "-", tmp_path / "s.zarr", data=raw.tobytes())
    assert cli.run("cat", tmp_path / "s.zarr").decode() == "ABC x\\x1by\n"
    with pytest.raises(cli.CommandError, match="elements of type S3 are no numbers"):
        cli.run("stats", tmp_path / "s.zarr")
