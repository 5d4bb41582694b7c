"""Data sets of h5py and variables of netCDF4 that are no plain numbers: structs, texts of a fixed length, enums,
opaque bytes."""
import io
import json
import subprocess

import h5py
import netCDF4
import numpy as np
import pytest
import zarr
from tessera_cli import TESSERA, run


def values(place, *arguments):
    return np.load(io.BytesIO(run("cat", place, "--format", "npy", *arguments)))


def structs(place, dtype, *arguments):
    """What `cat` prints as bytes: fields one behind the other, in little-endian order."""
    return np.frombuffer(run("cat", place, "--format", "raw", *arguments), np.dtype(dtype).newbyteorder("<"))


def filled(dtype, shape):
    """Random bytes, but for floats, which are to be equal to themselves."""
    data = np.zeros(shape, dtype)
    generator = np.random.default_rng(3)

    def fill(view):
        if view.dtype.names:
            for name in view.dtype.names:
                fill(view[name])
        elif view.dtype.kind in "fc":
            view[...] = generator.normal(size=view.shape)
        elif view.dtype.kind == "S":
            view[...] = np.array([b"a", b"", b"longer text"], view.dtype)[generator.integers(0, 3, view.shape)]
        elif view.dtype.kind == "b":
            view[...] = generator.integers(0, 2, view.shape)
        else:
            view[...] = generator.integers(0, 100, view.shape)

    fill(data)
    return data


TYPES = {
    "flat": [("x", "<i2"), ("y", ">f8"), ("z", "u1")],
    "nested": [("a", [("b", "<f4"), ("c", [("d", ">i8")])]), ("e", "<c16")],
    "arrays": [("m", "<f4", (2, 3)), ("n", "u1", (4,)), ("o", [("p", "i2", (2,))])],
    "text": [("name", "S7"), ("flag", "?"), ("t", "<f2")],
}


@pytest.mark.parametrize("name", TYPES)
def test_structs(tmp_path, name):
    data = filled(TYPES[name], (5, 7))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("packed", data=data, chunks=(2, 3), compression="gzip")
        aligned = np.dtype(TYPES[name], align=True)
        file.create_dataset("aligned", data=data.astype(aligned))
    for path in ("packed", "aligned"):
        assert (structs(tmp_path / "a.h5" / path, data.dtype) == data.ravel()).all()
        selected = structs(tmp_path / "a.h5" / path, data.dtype, "--select", "1:4, ::-2")
        assert (selected == data[1:4, ::-2].ravel()).all()
    run("import", tmp_path / "a.h5/packed", tmp_path / "a.zarr", "--zarr-format", "2", "--codec", "zstd:1")
    assert (structs(tmp_path / "a.zarr", data.dtype) == data.ravel()).all()
    if name == "flat":  # zarr-python knows no others in v2
        assert (zarr.open_array(tmp_path / "a.zarr", mode="r")[...] == data).all()


def test_fill_value_of_a_struct(tmp_path):
    dtype = np.dtype([("x", "<i4"), ("name", "S20")])
    fill = np.array((7, b"nothing yet"), dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (4,), dtype, fillvalue=fill, chunks=(2,))
    found = structs(tmp_path / "a.h5/a", dtype)
    assert len(found) == 4 and (found == fill).all()


@pytest.mark.parametrize("coding", ["ascii", "utf-8"])
def test_fixed_text(tmp_path, coding):
    words = ["", "a", "zwölf" if coding == "utf-8" else "zwoelf"]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=np.array([word.encode() for word in words], h5py.string_dtype(coding, 9)))
        expected = file["a"][...]
    found = values(tmp_path / "a.h5/a")
    assert found.dtype == "S9" and (found == expected).all()
    run("import", tmp_path / "a.h5", tmp_path / "a.zarr")
    assert [bytes(word).rstrip(b"\0").decode() for word in values(tmp_path / "a.zarr/a")] == words


def test_enum(tmp_path):
    names = {"RED": 0, "GREEN": 3, "BLUE": -7}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for dtype in ("i1", ">i4"):
            file.create_dataset(dtype[-2:], data=np.array([0, 3, -7, 3], dtype), dtype=h5py.enum_dtype(names, dtype))
    for dtype in ("i1", "i4"):
        assert values(tmp_path / "a.h5" / dtype).tolist() == [0, 3, -7, 3]
        assert json.loads(run("attr", tmp_path / "a.h5" / dtype))["enum"] == names
    run("import", tmp_path / "a.h5", tmp_path / "a.zarr")
    array = zarr.open_array(tmp_path / "a.zarr/i4", mode="r")
    assert array.dtype == "i4" and array.attrs["enum"] == names and array[...].tolist() == [0, 3, -7, 3]


def test_opaque(tmp_path):
    data = np.array([b"abc", b"\0\1\2"], "V3")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=data)
    assert json.loads(run("info", tmp_path / "a.h5/a", "--json"))["dtype"] == "r24"
    assert run("cat", tmp_path / "a.h5/a", "--format", "raw") == b"abc\0\1\2"


def test_references_are_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["target"] = 1
        file.create_dataset("objects", data=[file["target"].ref], dtype=h5py.ref_dtype)
        file.create_dataset("regions", (1,), dtype=h5py.regionref_dtype)
        file.create_dataset("inside", (1,), dtype=[("x", "i4"), ("r", h5py.ref_dtype)])
    for name, words in (("objects", "reference"), ("regions", "reference"), ("inside", 'field "r"')):
        done = subprocess.run([TESSERA, "cat", tmp_path / "a.h5" / name], capture_output=True, text=True)
        assert done.returncode != 0 and words in done.stderr


NETCDF_TYPES = {
    "flat": [("x", "<i2"), ("y", "<f8"), ("z", "u1"), ("name", "S7")],
    "nested": [("a", [("b", "u1"), ("c", [("d", "<i8")])]), ("e", "<f4")],
    "arrays": [("m", "<f4", (2, 3)), ("n", "u1", (5,)), ("o", [("p", "i2", (2,))])],
}


def compound(file, dtype, name):
    """A compound type of netCDF4, which wants the types of its fields to be there before it."""
    for field, (inner, _) in dtype.fields.items():
        if inner.names:
            compound(file, inner, f"{name}_{field}")
    return file.createCompoundType(dtype, name)


@pytest.mark.parametrize("name", NETCDF_TYPES)
def test_netcdf_structs(tmp_path, name):
    data = filled(NETCDF_TYPES[name], (5, 7))
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("y", 5)
        file.createDimension("x", 7)
        for path, align in ("packed", False), ("aligned", True):
            kind = np.dtype(NETCDF_TYPES[name], align=align)
            made = file.createVariable(path, compound(file, kind, path + "_t"), ("y", "x"), chunksizes=(2, 3), zlib=True)
            made[...] = data.astype(kind)
    for path in ("packed", "aligned"):
        assert (structs(tmp_path / "a.nc" / path, data.dtype) == data.ravel()).all()
        selected = structs(tmp_path / "a.nc" / path, data.dtype, "--select", "1:4, ::-2")
        assert (selected == data[1:4, ::-2].ravel()).all()
    run("import", tmp_path / "a.nc/aligned", tmp_path / "a.zarr", "--zarr-format", "2", "--codec", "zstd:1")
    assert (structs(tmp_path / "a.zarr", data.dtype) == data.ravel()).all()


def test_netcdf_enum(tmp_path):
    names = {"clear": 0, "cumulus": 3, "missing": 255}
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("x", 4)
        kind = file.createEnumType(np.uint8, "cloud_t", names)
        file.createVariable("cloud", kind, ("x",), fill_value=255)[:3] = [3, 0, 3]
    assert values(tmp_path / "a.nc/cloud").tolist() == [3, 0, 3, 255]
    described = json.loads(run("info", tmp_path / "a.nc/cloud", "--json"))
    assert described["dtype"] == "uint8" and described["fill_value"] == 255
    assert described["attributes"]["enum"] == names
