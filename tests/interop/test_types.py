"""Element types beyond the core ones: what we write is read by programs that we did not write, and the other way
round. A few values of each type and form run here; TESSERA_INTEROP_SCALE asks for more."""
import json
import os

import ml_dtypes
import numpy as np
import pytest
import tensorstore

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


def test_what_has_no_other_form_is_refused(tmp_path):
    cli.run("create", tmp_path / "a.zarr", "--shape=3", "--dtype=bfloat16")
    with pytest.raises(cli.CommandError, match="an .npy file has no type for bfloat16"):
        cli.run("export", tmp_path / "a.zarr", tmp_path / "a.npy")
    with pytest.raises(cli.CommandError, match="an .npy file has no type for bfloat16"):
        cli.run("cat", tmp_path / "a.zarr", "--format", "npy")
    with pytest.raises(cli.CommandError, match="Zarr 2 has no data type for bfloat16"):
        cli.run("create", tmp_path / "b.zarr", "--shape=3", "--dtype=bfloat16", "--zarr-format=2")


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
