"""export: netCDF-4 and npy, read back by netCDF4, h5py and NumPy."""

import json

import h5py
import netCDF4
import numpy as np
import pytest
import xarray
import zarr


def test_a_tree_as_netcdf(tessera, tmp_path, tree):
    tree["plain"][:] = [1.5, np.nan, 3, 4, 5]
    tessera.run("export", "t.zarr", "t.nc")
    with netCDF4.Dataset(tmp_path / "t.nc") as file:
        file.set_auto_mask(False)
        assert file.title == "a tree"
        assert np.array_equal(file["plain"][:], tree["plain"][:], equal_nan=True)
        assert np.array_equal(file["sharded"][:], tree["sharded"][:])
        assert file["sharded"].dimensions == ("lat", "lon") and file["sharded"].units == "m"
        assert file["inner/deep"][...] == 7
    tessera.run("diff", "t.zarr", "t.nc")


def test_zeros_do_not_become_missing(tessera, tmp_path):
    """Zarr's fill value is no statement about missing data; netCDF's _FillValue is."""
    zarr.create_array(tmp_path / "a", data=np.array([0, 1, 2], "i4"))
    tessera.run("export", "a", "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc") as file:
        assert not np.ma.is_masked(file["a"][:]) and "_FillValue" not in file["a"].ncattrs()
    zarr.create_array(tmp_path / "b", data=np.array([0, 1, -9], "i4"), fill_value=-9, attributes={"_FillValue": -9})
    tessera.run("export", "b", "b.nc")
    with netCDF4.Dataset(tmp_path / "b.nc") as file:
        assert file["b"][:].mask.tolist() == [False, False, True] and file["b"]._FillValue == -9


def test_names_that_netcdf_does_not_take_are_left_out(tessera, tmp_path):
    root = zarr.create_group(tmp_path / "a")
    root.create_array("good", data=np.arange(3), dimension_names=["a dimension?/"])
    root.create_array(".hidden", data=np.arange(3))
    root.create_group("-group")
    err = tessera.run("export", "a", "a.nc", status=5).err
    assert "left out .hidden: NetCDF" in err and "left out -group: NetCDF" in err
    with netCDF4.Dataset(tmp_path / "a.nc") as file:
        assert list(file.variables) == ["good"] and file["good"][:].tolist() == [0, 1, 2]
        assert file["good"].dimensions == ("dim_0",) and not file.groups


def test_there_and_back(tessera, tmp_path):
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as file:
        file.createDimension("y", 30)
        file.createDimension("x", 40)
        file.history = "made"
        for name in "i1 u1 i2 u2 i4 u4 i8 u8 f4 f8".split():
            variable = file.createVariable(name, name, ("y", "x"), fill_value=5)
            variable.missing_value = np.array(6, name)
            variable[:] = np.random.default_rng(1).integers(0, 100, (30, 40)).astype(name)
    tessera.run("import", "in.nc", "t.zarr")
    tessera.run("export", "t.zarr", "out.nc")
    with netCDF4.Dataset(tmp_path / "in.nc") as a, netCDF4.Dataset(tmp_path / "out.nc") as b:
        assert b.history == a.history
        for name in a.variables:
            a[name].set_auto_mask(False)
            b[name].set_auto_mask(False)
            assert np.array_equal(a[name][:], b[name][:]) and a[name].dtype == b[name].dtype
            assert a[name].dimensions == b[name].dimensions
            for attribute in ("_FillValue", "missing_value"):
                left, right = a[name].getncattr(attribute), b[name].getncattr(attribute)
                assert left == right and np.asarray(left).dtype == np.asarray(right).dtype


MOMENTS = ["1969-12-31", "NaT", "2024-02-29", "2100-01-01"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_times_and_small_floats_as_xarray_has_them(tessera, tmp_path, zarr_format):
    group = zarr.create_group(tmp_path / "g", zarr_format=zarr_format)
    moments = {unit: np.array(MOMENTS, f"M8[{unit}]") for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "10us")}
    spans = {unit: np.array([-3, "NaT", 0, 7], f"m8[{unit}]") for unit in ("W", "D", "h", "m", "s", "ms", "us", "ns", "25s")}
    halves = np.array([1.5, np.nan, -np.inf, 65504], "f2")
    for unit, values in moments.items():
        group.create_array(f"at_{unit}", shape=4, dtype=values.dtype)[:] = values
    for unit, values in spans.items():
        group.create_array(f"for_{unit}", shape=4, dtype=values.dtype, attributes={"units": "wrong", "more": 1})[:] = values
    group.create_array("half", shape=4, dtype="f2")[:] = halves
    tessera.run("export", "g", "g.nc")

    with xarray.open_dataset(tmp_path / "g.nc", engine="netcdf4", decode_timedelta=True) as seen:
        for unit, values in moments.items():
            found = seen[f"at_{unit}"]
            assert found.dtype.kind == "M" and np.array_equal(found.values, values, equal_nan=True), unit
            assert found.encoding["calendar"] == "proleptic_gregorian"
        for unit, values in spans.items():
            found = seen[f"for_{unit}"]
            assert found.dtype.kind == "m" and np.array_equal(found.values, values, equal_nan=True), unit
            assert found.attrs == {"more": 1}
        assert seen["half"].dtype == np.float32 and np.array_equal(seen["half"], halves.astype("f4"), equal_nan=True)
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert file["at_10us"].units == "microseconds since 1970-01-01" and file["at_Y"].units == "days since 1970-01-01"
        assert all(file[name].dtype == np.int64 for name in file.variables if name != "half")
        assert np.ma.getmaskarray(file["at_s"][:]).tolist() == [False, True, False, False]

    # What is no time elsewhere is none of these: a struct's fields, and what the conventions cannot count.
    group.create_array("small", shape=2, dtype="M8[ps]")[:] = np.array([0, 1], "M8[ps]")
    assert "left out small: netCDF has no type for datetime64[ps]" in tessera.run("export", "g", "h.nc", status=5).err


def test_types_that_netcdf_lacks_are_left_out(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g")
    group.create_array("c", data=np.zeros(3, "m8[M]"))
    group.create_array("i", data=np.arange(3, dtype="i2"))
    result = tessera.run("export", "g", "g.nc", status=5)
    assert "left out c" in result.err
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert list(file.variables) == ["i"]

RECORD = np.dtype([("x", "<i2"), ("in", [("small", "i1"), ("large", "<f8"), ("vec", "<i2", (2, 3))]), ("name", "S5"),
                   ("c", "<c8"), ("names", "S4", (2,))])


def fields_of(dtype):
    """A structured type as Zarr v2 writes it."""
    rows = []
    for name in dtype.names:
        base, shape = dtype[name].subdtype or (dtype[name], ())
        rows.append([name, fields_of(base) if base.names else base.str] + ([list(shape)] if shape else []))
    return rows


def store_v2(path, values, attributes=None):
    """A Zarr v2 array of one chunk: zarr-python writes no fields that are arrays."""
    path.mkdir()
    (path / ".zarray").write_text(json.dumps({
        "zarr_format": 2, "shape": values.shape, "chunks": values.shape, "dtype": fields_of(values.dtype),
        "compressor": None, "fill_value": None, "order": "C", "filters": None}))
    (path / ".zattrs").write_text(json.dumps(attributes or {}))
    (path / ".".join("0" * values.ndim)).write_bytes(values.tobytes())


def records(dtype=RECORD, shape=(7,)):
    """Elements of any bytes, but for floats, which are numbers, and texts, which are letters."""
    values = np.zeros(shape, dtype)
    generator = np.random.default_rng(5)

    def fill(part):
        if part.dtype.names:
            for name in part.dtype.names:
                fill(part[name])
        elif part.dtype.kind == "S":
            part[...] = generator.choice([b"", b"a", b"bcd", b"efgh"], part.shape)
        elif part.dtype.kind == "V":
            part[...] = np.frombuffer(generator.bytes(part.nbytes), part.dtype).reshape(part.shape)
        else:
            part[...] = generator.integers(0, 2 if part.dtype.kind == "b" else 100, part.shape)
    fill(values)
    return values


def test_structs_become_compounds(tessera, tmp_path):
    values = records()
    store_v2(tmp_path / "s", values, {"missing_value": "none", "units": "m"})
    tessera.run("export", "s", "s.nc")
    with netCDF4.Dataset(tmp_path / "s.nc") as file:
        got = file["s"][:]
        assert file["s"].units == "m" and file["s"].missing_value == "none"
        assert got["x"].tolist() == values["x"].tolist() and got["c"]["r"].tolist() == values["c"].real.tolist()
        for name in ("small", "large", "vec"):
            assert np.array_equal(got["in"][name], values["in"][name])
        assert netCDF4.chartostring(got["names"]).tolist() == values["names"].astype(str).tolist()
    with h5py.File(tmp_path / "s.nc") as file:
        got = file["s"][:]
        assert np.array_equal(got["in"]["vec"], values["in"]["vec"]) and np.array_equal(got["c"], values["c"])
        assert got["name"].view("S5")[:, 0].tolist() == values["name"].tolist()
    tessera.run("import", "s.nc", "back", "--zarr-format", "2")
    tessera.run("diff", "s", "back/s")


def test_booleans_and_raw_bytes_in_structs(tessera, tmp_path):
    values = records(np.dtype([("flag", "?"), ("raw", "V3"), ("twice", [("raw", "V3")], (2,))]))
    store_v2(tmp_path / "s", values)
    tessera.run("export", "s", "s.nc")
    with h5py.File(tmp_path / "s.nc") as file:
        got = file["s"][:]
        assert got["flag"].dtype == "u1" and np.array_equal(got["flag"], values["flag"])
        assert np.array_equal(got["raw"], values["raw"]) and np.array_equal(got["twice"], values["twice"])


def test_equal_types_are_made_once_under_free_names(tessera, tmp_path):
    zarr.create_group(tmp_path / "g", zarr_format=2)
    small = np.dtype([("a", "<i4"), ("b", "<f4")])
    for name in ("one", "two", "one_t"):
        store_v2(tmp_path / "g" / name, records(small))
    store_v2(tmp_path / "g" / "other", records(np.dtype([("a", "<i4")])), {"_ARRAY_DIMENSIONS": ["one_t2"]})
    tessera.run("export", "g", "g.nc")
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert set(file.variables) == {"one", "two", "one_t", "other"}
        assert set(file.cmptypes) == {"one_t2", "other_t"} and file["other"].dimensions == ("one_t2_7",)


def test_fields_that_netcdf_does_not_take(tessera, tmp_path):
    zarr.create_group(tmp_path / "g", zarr_format=2)
    store_v2(tmp_path / "g" / "half", records(np.dtype([("a", "<i4"), ("in", [("half", "<f2")])])))
    store_v2(tmp_path / "g" / "name", records(np.dtype([("a/b", "<i4")])))
    store_v2(tmp_path / "g" / "good", records(np.dtype([("a", "<i4")])))
    err = tessera.run("export", "g", "g.nc", status=5).err
    assert 'left out half: field "in": field "half": netCDF has no type for float16; `tessera cp' in err
    assert 'left out name: netCDF does not take the field name "a/b"' in err
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert list(file.variables) == ["good"]


def test_a_struct_as_fill_value(tessera, tmp_path):
    values = records(np.dtype([("a", "i1"), ("b", "<f8")]))
    store_v2(tmp_path / "s", values, {"_FillValue": {"a": 7, "b": 1.5}})
    tessera.run("export", "s", "s.nc")
    with h5py.File(tmp_path / "s.nc") as file:
        assert file["s"].attrs["_FillValue"].tolist() == [(7, 1.5)] and file["s"].fillvalue.tolist() == (7, 1.5)
    assert tessera.json("info", "s.nc/s", schema="info")["fill_value"] == {"a": 7, "b": 1.5}
    assert json.loads(tessera.run("attr", "s.nc/s").out) == {"_FillValue": {"a": 7, "b": 1.5}}


def test_complex_numbers_and_texts(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g")
    values = {"c8": np.array([1 + 2j, 3], "c8"), "c16": np.array([[1 - 2j]]), "text": np.array(["a", "bü", ""]),
              "bytes": np.array([[b"ab", b"cde"]]), "raw": np.array([b"abc", b"def"], "V3")}
    for name, data in values.items():
        group.create_array(name, data=data, attributes={"_FillValue": "YWI="} if name == "bytes" else None)
    err = tessera.run("export", "g", "g.nc", status=5).err
    assert "left out _FillValue: netCDF has none of several characters" in err
    with h5py.File(tmp_path / "g.nc") as file:
        for name in ("c8", "c16", "raw"):
            assert file[name].dtype == values[name].dtype and np.array_equal(file[name][...], values[name])
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert file["text"][:].tolist() == ["a", "bü", ""]
        file.set_auto_mask(False)
        assert file["bytes"].dimensions[-1] == "string3"
        assert netCDF4.chartostring(file["bytes"][:]).tolist() == [["ab", "cde"]]


def test_unlimited_dimensions(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g")
    data = np.arange(12.0).reshape(3, 4)
    group.create_array("t", data=data, chunks=(2, 4), dimension_names=["time", "x"])
    group.create_array("u", data=np.arange(3), dimension_names=["time"])
    group.create_array("none", shape=(0, 4), chunks=(5, 4), dtype="i4", dimension_names=["later", "x"])
    group.create_group("in").create_array("time", data=np.arange(6), dimension_names=["time"])
    tessera.run("export", "g", "g.nc", "--unlimited", "time", "--unlimited", "later")
    with netCDF4.Dataset(tmp_path / "g.nc", "a") as file:
        assert file.dimensions["time"].isunlimited() and not file.dimensions["x"].isunlimited()
        assert file["in"].dimensions["time"].isunlimited() and file["in/time"][:].tolist() == list(range(6))
        assert file["t"].dimensions == ("time", "x") == (file["u"].dimensions[0], "x")
        assert file["t"].chunking() == [2, 4] and file["none"].chunking() == [5, 4]
        assert np.array_equal(file["t"][:], data) and file["none"].shape == (0, 4)
        file["t"][3, :] = [1, 2, 3, 4]
        assert file["u"].shape == (4,)
    tessera.run("export", "g/t", "t.nc", "--unlimited", "-1")
    with h5py.File(tmp_path / "t.nc") as file:
        assert file["t"].maxshape == (3, None) and np.array_equal(file["t"][:], data)


def test_unlimited_dimensions_that_there_are_not(tessera, tmp_path, tree):
    for arguments, wanted in ((("t.zarr", "t.nc", "--unlimited", "time"), "no array in t.zarr has an axis called 'time'"),
                              (("t.zarr", "t.nc", "--unlimited", "0"), "called '0'"),
                              (("t.zarr/sharded", "t.nc", "--unlimited", "2"), "has no axis '2'"),
                              (("t.zarr/plain", "t.npy", "--unlimited", "0"), "--unlimited is for netCDF")):
        assert wanted in tessera.error("export", *arguments, status=2)
    assert [path.name for path in tmp_path.iterdir()] == ["t.zarr"]


def test_attributes_of_every_kind(tessera, tmp_path):
    attributes = {"big": 2**64 - 1, "bigs": [2**63, 0], "mixed_signs": [-1, 2**63], "none": [], "words": ["a", "ü"],
                  "zero": ["a", "b\0c"], "reals": [1, 2.5], "nested": {"a": [True]}, "missing": None, "NAME": "mine"}
    zarr.create_group(tmp_path / "g", attributes=attributes)
    assert "left out NAME" in tessera.run("export", "g", "g.nc", status=5).err
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert file.big == 2**64 - 1 and file.big.dtype == "u8" and file.bigs.tolist() == [2**63, 0]
        assert file.none.size == 0 and file.words == ["a", "ü"] and file.reals.tolist() == [1, 2.5]
        for name in ("mixed_signs", "zero", "nested", "missing"):
            assert json.loads(file.getncattr(name)) == attributes[name]


def test_import_export_import(tessera, tmp_path):
    """What netCDF-4 has comes through: types of the file, unlimited dimensions, attributes."""
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 4)
        file.setncatts({"big": np.uint64(2**63 + 5), "none": np.array([], "i4"), "nan": np.nan, "empty": ""})
        file.setncattr_string("words", ["a", "bb"])
        clouds = file.createEnumType("i2", "cloud_t", {"Clear": 0, "Cumulus": 1, "Missing": -5})
        file.createVariable("cloud", clouds, ("time",), fill_value=-5)[:] = [0, 1, 0]
        file.createVariable("t", "f8", ("time", "x"), chunksizes=(2, 4))[:] = np.arange(12).reshape(3, 4)
        file.createVariable("words", str, ("x",))[:] = np.array(["a", "ü", "", "c"], object)
        pair = np.dtype([("a", "i1"), ("b", "f8")], align=True)
        file.createVariable("pair", file.createCompoundType(pair, "pair_t"), ("x",))[:] = np.ones(4, pair)
        inner = file.createGroup("in")
        inner.createDimension("time", 6)
        inner.createVariable("time", "i4", ("time",))[:] = range(6)
    tessera.run("import", "in.nc", "a")
    tessera.run("export", "a", "out.nc", "--unlimited", "time")
    tessera.run("import", "out.nc", "b")
    tessera.run("diff", "a", "b")
    for path in (tmp_path / "a").rglob("zarr.json"):
        assert json.loads(path.read_text()) == json.loads((tmp_path / "b" / path.relative_to(tmp_path / "a")).read_text())
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["cloud"].datatype.enum_dict == {"Clear": 0, "Cumulus": 1, "Missing": -5}
        assert file["cloud"]._FillValue == -5 and "enum" not in file["cloud"].ncattrs()


@pytest.mark.parametrize("names", [{}, {"a": 1, "b": 1}, {"a": 300}, {"a": 1.5}, {"a/b": 1}, [1], "text"])
def test_what_is_no_enum_stays_an_attribute(tessera, tmp_path, names):
    zarr.create_array(tmp_path / "e", data=np.array([1, 2], "i1"), attributes={"enum": names})
    tessera.run("export", "e", "e.nc")
    with netCDF4.Dataset(tmp_path / "e.nc") as file:
        assert file["e"].dtype == "i1" and not file.enumtypes and "enum" in file["e"].ncattrs()


@pytest.mark.parametrize("dtype", ["bool", "u1", "<i8", "<f2", "<c16"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (5, 6, 7)])
def test_npy(tessera, tmp_path, dtype, shape):
    values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    array = zarr.create_array(tmp_path / "a", shape=shape, dtype=values.dtype)
    array[...] = values
    tessera.run("export", "a", "a.npy", "--memory", "100")
    got = np.load(tmp_path / "a.npy")
    assert got.dtype == values.dtype and got.shape == shape and np.array_equal(got, values)
    tessera.run("diff", "a", "a.npy")


def test_json_and_dry_run(tessera, tmp_path, counting):
    assert tessera.json("export", "a.zarr", "a.npy", schema="export")["source_bytes"] == 240
    assert tessera.run("export", "a.zarr", "b.nc", "-n").out == "would write b.nc\n"
    assert not (tmp_path / "b.nc").exists()


def test_existing_files_keep_mode_and_content_until_replaced(tessera, tmp_path, counting):
    path = tmp_path / "a.npy"
    path.write_text("mine")
    path.chmod(0o640)
    assert "--overwrite" in tessera.error("export", "a.zarr", "a.npy", status=8)
    assert path.read_text() == "mine"
    tessera.run("export", "a.zarr", "a.npy", "--overwrite")
    assert np.array_equal(np.load(path), counting) and path.stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_no_file(tessera, tmp_path, counting):
    (tmp_path / "a.zarr" / "c" / "0" / "0").write_bytes(b"nonsense")
    for name in ("a.npy", "a.nc"):
        tessera.error("export", "a.zarr", name, status=4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_usage_errors(tessera, tree):
    assert "--format" in tessera.error("export", "t.zarr", "t.dat", status=2)
    assert "is a group" in tessera.error("export", "t.zarr", "t.npy", status=2)
    tessera.error("export", "t.zarr", "no/such/folder/t.nc", status=3)
    tessera.error("export", "t.zarr/plain", "/dev/full", "--format", "npy", status=8)
