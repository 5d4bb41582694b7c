"""Elements of variable length: strings and bytes that zarr-python wrote are read, and the other way round."""
import base64
import json

import h5py
import netCDF4
import numcodecs
import numpy as np
import pytest
import xarray
import zarr

import tessera_cli as cli
from strings import encoded, listed, pieces, put, texts

FORMS = {"plain": {}, "shards": {"shards": (8, 6)}, "bare": {"compressors": None},
         "blosc": {"compressors": zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle", typesize=1)}}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["string", "variable_length_bytes"])
def test_zarr_python_wrote(tmp_path, form, kind):
    values = texts((17, 11)) if kind == "string" else pieces((17, 11))
    fill = "nothing was written here" if kind == "string" else b"\x00nothing \xff was written"
    array = zarr.create_array(tmp_path / "a", shape=(17, 11), chunks=(4, 3), dtype=kind, fill_value=fill, **FORMS[form])
    array[:, :9] = values[:, :9]
    values[:, 9:] = fill
    assert listed(tmp_path / "a") == encoded(values)
    assert listed(tmp_path / "a", "[3:14:5, ::-4]") == encoded(values[3:14:5, ::-4])
    # A part of what the other wrote is changed.
    more = texts((5, 5), 2) if kind == "string" else pieces((5, 5), 2)
    put(f"{tmp_path / 'a'}[2:7, 4:9]", more)
    values[2:7, 4:9] = more
    again = zarr.open_array(tmp_path / "a", mode="r")[:]
    assert encoded(again) == encoded(values)


@pytest.mark.parametrize("form", [[], ["--shards", "8,6"], ["--codec", "blosc:lz4:5:shuffle"], ["--codec", "none"]],
                         ids=str)
@pytest.mark.parametrize("dtype", ["string", "bytes"])
def test_zarr_python_reads(tmp_path, form, dtype):
    values = texts((17, 11)) if dtype == "string" else pieces((17, 11))
    fill = "never written" if dtype == "string" else "AAECAwQFBgcICQoLDA0="
    cli.run("create", tmp_path / "a", "--dtype", dtype, "--shape", "17,11", "--chunks", "4,3",
            "--fill-value", json.dumps(fill), *(["--codec", "zstd:1"] if form[:1] == ["--shards"] else []), *form)
    array = zarr.open_array(tmp_path / "a", mode="r")
    assert array.fill_value == (fill if dtype == "string" else bytes(range(14)))
    put(tmp_path / "a", values)
    assert encoded(array[:]) == encoded(values)
    assert listed(tmp_path / "a") == encoded(values)


def test_fixed_length_and_back(tmp_path):
    words = np.array(["", "a", "zwölf", "€€€€€€€€€€€€€€€€"])
    np.save(tmp_path / "w.npy", words)
    cli.run("import", tmp_path / "w.npy", tmp_path / "u.zarr")
    cli.run("cp", tmp_path / "u.zarr", tmp_path / "s.zarr", "--dtype", "string", "--casting", "safe")
    array = zarr.open_array(tmp_path / "s.zarr", mode="r")
    assert array.metadata.data_type.to_json(zarr_format=3) == "string"
    assert array[:].tolist() == words.tolist()
    cli.run("cp", tmp_path / "s.zarr", tmp_path / "t.zarr", "--dtype", "U16", "--casting", "same_kind")
    assert zarr.open_array(tmp_path / "t.zarr", mode="r")[:].tolist() == words.tolist()
    with pytest.raises(cli.CommandError, match="does not fit into U15"):
        cli.run("cp", tmp_path / "s.zarr", tmp_path / "x.zarr", "--dtype", "U15", "--casting", "same_kind")


def test_damage_is_told_with_its_place(tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(2,), chunks=(2,), dtype=str, compressors=None)
    array[:] = ["abc", "defg"]
    chunk = tmp_path / "a" / "c" / "0"
    good = chunk.read_bytes()
    chunk.write_bytes(good[:4] + b"\xff\xff\xff\x7f" + good[8:])
    with pytest.raises(cli.CommandError, match="bytes 4..8 say that element 0 has 2147483647 bytes"):
        cli.run("cat", tmp_path / "a")
    chunk.write_bytes(good[:-1] + b"\xff")
    with pytest.raises(cli.CommandError, match="element 1, are not UTF-8"):
        cli.run("cat", tmp_path / "a")


# ---- Zarr 2 ----


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", ["string", "bytes"])
def test_v2_both_ways(tmp_path, dtype, order):
    values = texts((17, 11)) if dtype == "string" else pieces((17, 11))
    kind = zarr.dtype.VariableLengthUTF8() if dtype == "string" else zarr.dtype.VariableLengthBytes()
    fill = "never written" if dtype == "string" else bytes(range(14))
    array = zarr.create_array(tmp_path / "a", shape=(17, 11), chunks=(4, 3), dtype=kind, zarr_format=2, order=order,
                              fill_value=fill)
    array[:, :9] = values[:, :9]
    values[:, 9:] = fill
    assert listed(tmp_path / "a") == encoded(values)
    cli.run("cp", tmp_path / "a", tmp_path / "b", "--chunks", "5,5")
    again = zarr.open_array(tmp_path / "b", mode="r")
    assert again.metadata.zarr_format == 2 and again.fill_value == fill
    assert encoded(again[:]) == encoded(values)
    # To the other version and back.
    cli.run("cp", tmp_path / "a", tmp_path / "c", "--zarr-format", "3")
    cli.run("cp", tmp_path / "c", tmp_path / "d", "--zarr-format", "2")
    for place, version in (("c", 3), ("d", 2)):
        again = zarr.open_array(tmp_path / place, mode="r")
        assert again.metadata.zarr_format == version
        assert encoded(again[:]) == encoded(values)


def by_hand(place, codec, values, fill=0, dtype="|O"):
    """An array of one chunk, encoded by numcodecs itself: zarr-python 3 has not all of these filters."""
    place.mkdir()
    (place / ".zarray").write_text(json.dumps({
        "zarr_format": 2, "shape": values.shape, "chunks": values.shape, "dtype": dtype, "fill_value": fill,
        "order": "C", "compressor": None, "filters": [codec.get_config()]}))
    (place / ".".join("0" * values.ndim)).write_bytes(bytes(numcodecs.compat.ensure_bytes(codec.encode(values))))


def test_json2(tmp_path):
    values = texts((3, 4))
    codec = numcodecs.JSON()
    by_hand(tmp_path / "a", codec, values)
    assert listed(tmp_path / "a") == values.tolist()
    more = texts((3, 4), 2)
    put(tmp_path / "a", more)
    assert codec.decode((tmp_path / "a" / "0.0").read_bytes()).tolist() == more.tolist()


def test_categorize(tmp_path):
    labels = ["female", "male", "a longer label than twelve"]
    values = np.array(["male", "female", "other", "a longer label than twelve"], dtype=object)
    codec = numcodecs.Categorize(labels=labels, dtype=object, astype="<u2")
    by_hand(tmp_path / "a", codec, values, "")
    assert listed(tmp_path / "a") == ["male", "female", "", "a longer label than twelve"]
    cli.run("put", "-", tmp_path / "a", data=json.dumps(values[::-1].tolist()).encode())
    assert codec.decode((tmp_path / "a" / "0").read_bytes()).tolist() == [labels[2], "", "female", "male"]
    fixed = values.astype("<U8")
    codec = numcodecs.Categorize(labels=labels, dtype="<U8")
    by_hand(tmp_path / "b", codec, fixed, "", "<U8")
    assert listed(tmp_path / "b") == codec.decode(codec.encode(fixed)).tolist()


def test_lists_of_numbers(tmp_path):
    values = np.empty(3, dtype=object)
    values[:] = [np.array([1, 2], "<i4"), np.array([], "<i4"), np.array([3] * 9, "<i4")]
    codec = numcodecs.VLenArray("<i4")
    by_hand(tmp_path / "a", codec, values)
    assert [base64.b64decode(v) for v in listed(tmp_path / "a")] == [v.tobytes() for v in values]
    cli.run("put", "-", tmp_path / "a", data=json.dumps(["AQAAAA==", "", "AgAAAAMAAAA="]).encode())
    assert [v.tolist() for v in codec.decode((tmp_path / "a" / "0").read_bytes())] == [[1], [], [2, 3]]


def test_objects_that_are_refused(tmp_path):
    by_hand(tmp_path / "a", numcodecs.Pickle(), texts((2, 2)))
    with pytest.raises(cli.CommandError, match="unpickling runs whatever code"):
        cli.run("cat", tmp_path / "a")


# ---- netCDF and HDF5 ----

WORDS = np.array([["", "a", "zwölf Boxkämpfer"], ["€uro and more than twelve", "b", "c"]], dtype=object)


def test_netcdf_both_ways(tmp_path):
    with netCDF4.Dataset(tmp_path / "w.nc", "w") as file:
        file.createDimension("y", 2)
        file.createDimension("x", 3)
        variable = file.createVariable("word", str, ("y", "x"))
        variable[:] = WORDS
        variable.long_name = "words"
        filled = file.createVariable("filled", str, ("x",), fill_value="not a word at all")
        filled[1] = "here"
    assert listed(tmp_path / "w.nc/word") == WORDS.tolist()
    assert listed(tmp_path / "w.nc/word", "[::-1, 2]") == WORDS[::-1, 2].tolist()
    assert listed(tmp_path / "w.nc/filled") == ["not a word at all", "here", "not a word at all"]
    for version in ("2", "3"):
        cli.run("import", tmp_path / "w.nc", tmp_path / version, "--zarr-format", version)
        group = zarr.open_group(tmp_path / version, mode="r")
        assert group["word"][:].tolist() == WORDS.tolist()
        assert group["filled"][:].tolist() == ["not a word at all", "here", "not a word at all"]
        with xarray.open_dataset(tmp_path / version, engine="zarr", consolidated=False) as opened:
            assert opened["word"].values.tolist() == WORDS.tolist()
            assert opened["word"].dims == ("y", "x") and opened["word"].attrs["long_name"] == "words"
    cli.run("export", tmp_path / "3", tmp_path / "back.nc")
    with netCDF4.Dataset(tmp_path / "back.nc") as file:
        assert file["word"].dtype is str and file["word"].dimensions == ("y", "x")
        assert file["word"][:].tolist() == WORDS.tolist()
        assert file["filled"][:].tolist() == ["not a word at all", "here", "not a word at all"]


def test_netcdf_has_no_zeros_in_strings(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(1,), dtype=str)[:] = ["a\0b"]
    with pytest.raises(cli.CommandError, match="U\\+0000"):
        cli.run("export", tmp_path / "a", tmp_path / "a.nc")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_hdf5(tmp_path, encoding):
    words = WORDS if encoding == "utf-8" else np.array([["a", "more than twelve letters"], ["", "b"]], dtype=object)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        kind = h5py.string_dtype(encoding)
        file.create_dataset("word", data=words, dtype=kind, chunks=(1, 2), compression="gzip")
        file.create_dataset("filled", shape=(3,), dtype=kind, fillvalue="nothing there yet")
        file.create_dataset("null", shape=(2,), dtype=kind)
        file["scalar"] = "one text alone"
    assert listed(tmp_path / "w.h5/word") == words.tolist()
    assert listed(tmp_path / "w.h5/filled") == ["nothing there yet"] * 3
    assert listed(tmp_path / "w.h5/null") == ["", ""]
    assert listed(tmp_path / "w.h5/scalar") == "one text alone"
    cli.run("import", tmp_path / "w.h5", tmp_path / "a.zarr")
    assert zarr.open_array(tmp_path / "a.zarr" / "word", mode="r")[:].tolist() == words.tolist()


def test_hdf5_latin(tmp_path):
    """What is no UTF-8 is taken for Latin-1."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        data = file.create_dataset("word", shape=(1,), dtype=h5py.string_dtype("ascii"))
        data[0] = "zwölf".encode("latin-1")
    assert listed(tmp_path / "w.h5/word") == ["zwölf"]
