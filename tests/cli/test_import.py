"""import: netCDF, npy and bare numbers into Zarr, read back by zarr-python and netCDF4."""

import json

import h5py
import netCDF4
import numpy as np
import pytest
import zarr


@pytest.fixture
def ocean(tmp_path):
    """A netCDF-4 file with dimensions, coordinates, a group, attributes, fill and packed values."""
    with netCDF4.Dataset(tmp_path / "ocean.nc", "w") as file:
        file.title = "an ocean"
        for name, length in (("time", None), ("lat", 8), ("lon", 12)):
            file.createDimension(name, length)
        for name, values in (("lat", np.linspace(-70, 70, 8)), ("lon", np.arange(12) * 30.0)):
            file.createVariable(name, "f8", (name,))[:] = values
        temperature = file.createVariable("TEMP", "f4", ("time", "lat", "lon"), fill_value=-1e34, zlib=True,
                                          chunksizes=(1, 4, 4))
        temperature.units = "degC"
        temperature[:] = np.arange(3 * 8 * 12, dtype="f4").reshape(3, 8, 12)
        temperature[1, 2, 3] = np.ma.masked
        inner = file.createGroup("model")
        inner.version = np.int32(4)
        inner.createVariable("count", "u8", ())[...] = 2**64 - 1
    return tmp_path / "ocean.nc"


def test_a_netcdf_file(tessera, tmp_path, ocean):
    result = tessera.run("import", "ocean.nc", "ocean.zarr")
    assert result.err.startswith("imported 4 arrays, 1.3 KiB -> ") and result.stdout == b""
    root = zarr.open_group(tmp_path / "ocean.zarr", mode="r")
    assert root.attrs["title"] == "an ocean"
    assert set(root.array_keys()) == {"lat", "lon", "TEMP"} and set(root.group_keys()) == {"model"}
    temperature = root["TEMP"]
    assert temperature.metadata.dimension_names == ("time", "lat", "lon")
    assert temperature.attrs["units"] == "degC" and temperature.fill_value == np.float32(-1e34)
    with netCDF4.Dataset(ocean) as file:
        file.set_auto_mask(False)
        assert np.array_equal(temperature[:], file["TEMP"][:])
        assert np.array_equal(root["lat"][:], file["lat"][:])
    assert root["model/count"][()] == 2**64 - 1 and root["model"].attrs["version"] == 4
    # The file lies there as before, and equals what was made of it.
    tessera.run("diff", "ocean.nc", "ocean.zarr")
    assert not list((tmp_path / "ocean.zarr").rglob("__*"))


def test_the_file_as_it_lies_there(tessera, ocean):
    assert tessera.json("info", "ocean.nc/TEMP", schema="info")["driver"] == "netcdf"
    assert [row["name"] for row in tessera.json("ls", "ocean.nc", schema="ls")] == ["TEMP", "lat", "lon", "model"]
    assert tessera.run("cat", "ocean.nc/TEMP[0, 0, :3]").out == "0.0 1.0 2.0\n"
    stats = tessera.json("stats", "ocean.nc/TEMP", schema="stats")
    assert stats["missing_count"] == 1 and stats["max"] == 287


def test_layout_options_fit_each_array(tessera, tmp_path, ocean):
    tessera.run("import", "ocean.nc", "o.zarr", "--chunks", "lat=-1,lon=6", "--shards", "none", "--codec", "gzip:1")
    root = zarr.open_group(tmp_path / "o.zarr", mode="r")
    assert root["TEMP"].chunks[1:] == (8, 6) and root["lat"].chunks == (8,) and root["lon"].chunks == (6,)
    assert "Gzip" in str(root["lat"].metadata.codecs)
    tessera.run("import", "ocean.nc", "p.zarr", "--chunks", "1,4,4", "--shards", "3,8,12")
    root = zarr.open_group(tmp_path / "p.zarr", mode="r")
    assert root["TEMP"].chunks == (1, 4, 4) and root["TEMP"].shards == (3, 8, 12)
    assert root["lat"].chunks == (8,) and root["lat"].shards is None
    tessera.run("diff", "o.zarr", "p.zarr")


def test_one_variable(tessera, tmp_path, ocean):
    tessera.run("import", "ocean.nc/TEMP", "o.zarr/deep/t", "--zarr-format", "2")
    array = zarr.open_array(tmp_path / "o.zarr" / "deep" / "t", mode="r")
    assert array.metadata.zarr_format == 2 and array.shape == (3, 8, 12)


def test_json_and_dry_run(tessera, tmp_path, ocean):
    out = tessera.run("import", "ocean.nc", "o.zarr", "-n").out
    assert "would import /TEMP  (3, 8, 12)  float32" in out and "/model/count" in out
    assert not (tmp_path / "o.zarr").exists()
    result = tessera.json("import", "ocean.nc", "o.zarr", schema="transfer")
    assert (result["arrays"], result["groups"], result["skipped"]) == (4, 2, 0)


def test_nothing_is_overwritten_unasked(tessera, tmp_path, ocean, counting):
    assert "--overwrite" in tessera.error("import", "ocean.nc", "a.zarr", status=8)
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[:], counting)
    tessera.run("import", "ocean.nc", "a.zarr", "--overwrite")
    tessera.run("diff", "ocean.nc", "a.zarr")


def test_variables_that_zarr_has_no_type_for_are_left_out(tessera, tmp_path):
    with netCDF4.Dataset(tmp_path / "s.nc", "w") as file:
        file.createDimension("n", 2)
        file.createVariable("good", "i4", ("n",))[:] = [1, 2]
        file.createVariable("words", str, ("n",))[:] = np.array(["a", "bc"], dtype=object)
        file.createVariable("lists", file.createVLType("i4", "list_t"), ("n",))
    result = tessera.run("import", "s.nc", "s.zarr", status=5)
    assert "left out lists" in result.err and "imported 2 arrays" in result.err
    assert zarr.open_array(tmp_path / "s.zarr" / "good", mode="r")[:].tolist() == [1, 2]
    assert zarr.open_array(tmp_path / "s.zarr" / "words", mode="r")[:].tolist() == ["a", "bc"]


@pytest.mark.parametrize("library", ["netCDF", "HDF5"])
def test_names_that_zarr_reserves_are_left_out(tessera, tmp_path, library):
    """Told once each; all that has a name for Zarr is there."""
    path = tmp_path / "n.nc"
    if library == "netCDF":
        with netCDF4.Dataset(path, "w") as file:
            for group, name in (file, "__x"), (file.createGroup("g"), "zarr.json"), (file, "good"):
                group.createVariable(name, "i4", ())[...] = 7
            file.createGroup("__h").createVariable("inside", "i4", ())
        bad = {"__x", "g/zarr.json", "__h"}
    else:
        with h5py.File(path, "w") as file:
            for name in "__x", "zarr.json", "g/.zarray", "..", "...", "good":
                file[name] = np.complex64(7)  # which netCDF does not have
            file.create_group("__h")["inside"] = 1
        bad = {"__x", "zarr.json", "g/.zarray", "..", "...", "__h"}
    result = tessera.run("import", "n.nc", "n.zarr", status=5)
    told = [line.split(": ")[1] for line in result.err.splitlines() if "left out " in line and "is no name" in line]
    assert sorted(told) == sorted(f"left out {name}" for name in bad)
    assert f"{len(bad)} of the nodes of n.nc were left out" in result.err
    root = zarr.open_group(tmp_path / "n.zarr", mode="r")
    assert root["good"][()] == 7 and set(root.group_keys()) == {"g"} and set(root.array_keys()) == {"good"}


def test_names_of_lock_files_are_left_out(tessera, tmp_path):
    """They have a place in Zarr, and none in a folder where our writers lock."""
    with netCDF4.Dataset(tmp_path / "n.nc", "w") as file:
        for name in "a__lock", "b", "c__lock2":
            file.createVariable(name, "i4", ())[...] = 7
        file.createGroup("g__lock").createVariable("inside", "i4", ())
    result = tessera.run("import", "n.nc", "n.zarr", status=5)
    for name in "a__lock", "g__lock":
        assert f'left out {name}: "{name}" is no name for a node: on a file system' in result.err
    assert set(zarr.open_group(tmp_path / "n.zarr", mode="r").array_keys()) == {"b", "c__lock2"}


def test_warnings_of_the_library_are_told_once(tessera, tmp_path):
    """An attribute that JSON cannot hold: it is named, with its owner, and the rest is there."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name in "a", "b":
            file[name] = np.complex64(1)
            file[name].attrs["pair"] = np.zeros(2, [("x", "i4"), ("y", "S3")])
            file[name].attrs["units"] = "m"
    lines = tessera.run("import", "w.h5", "w.zarr").err.splitlines()
    assert len(lines) == 3 and lines[2].startswith("imported 2 arrays")
    for line, name in zip(lines, "ab"):
        assert line.startswith(f'tessera: warning: hdf5: attribute "pair" of "/{name}" is left out: ')
    assert dict(zarr.open_array(tmp_path / "w.zarr" / "a", mode="r").attrs) == {"units": "m"}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">i2", "|u1", "<c16", "|b1"])
def test_npy(tessera, tmp_path, dtype, order):
    values = np.asarray(np.arange(24).reshape(4, 6).astype(dtype), order=order)
    np.save(tmp_path / "v.npy", values)
    tessera.run("import", "v.npy", "v.zarr", "--chunks", "3,4")
    got = zarr.open_array(tmp_path / "v.zarr", mode="r")
    assert np.array_equal(got[:], values) and got.dtype.kind == values.dtype.kind


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_bare_numbers(tessera, tmp_path, source):
    values = np.arange(5 * 40, dtype="<u2").reshape(5, 40)
    (tmp_path / "scan.bin").write_bytes(values.tobytes())
    arguments = {"file": ["scan.bin"], "stdin": ["-"]}[source]
    tessera.run("import", *arguments, "s.zarr", "--dtype", "u2", "--shape", "5,40", "--chunks", "2,16",
                "--shards", "4,32", input=values.tobytes())
    assert np.array_equal(zarr.open_array(tmp_path / "s.zarr", mode="r")[:], values)
    assert not list((tmp_path / "s.zarr").rglob("__*"))


def test_bare_numbers_of_another_size_make_nothing(tessera, tmp_path):
    (tmp_path / "scan.bin").write_bytes(bytes(99))
    message = tessera.error("import", "scan.bin", "s.zarr", "--dtype", "u2", "--shape", "5,10", status=2)
    assert "99 bytes" in message and "100" in message and not (tmp_path / "s.zarr").exists()


@pytest.mark.parametrize("arguments, status", [
    (["missing.nc", "o.zarr"], 3), (["text.txt", "o.zarr"], 8), (["-", "o.zarr"], 2),
    (["ocean.nc/TEMQ", "o.zarr"], 3), (["ocean.nc", "o.zarr", "--chunks", "lat"], 2),
    (["ocean.nc", "o.zarr", "--shape", "3"], 2), (["ocean.nc", "o.zarr", "--codec", "nothing"], 2),
    (["ocean.nc"], 2),
])
def test_failures_leave_nothing(tessera, tmp_path, ocean, arguments, status):
    (tmp_path / "text.txt").write_text("no array")
    tessera.error("import", *arguments, status=status)
    assert not (tmp_path / "o.zarr").exists()


def test_progress_is_silent_unless_asked(tessera, ocean):
    assert tessera.run("import", "ocean.nc", "a.zarr").err.count("\n") == 1
    err = tessera.run("import", "ocean.nc", "b.zarr", "--progress", "json").err.splitlines()
    events = [json.loads(line) for line in err[:-1]]
    for event in events:
        tessera.check_schema(event, "progress")
    assert events[-1]["bytes_done"] == events[-1]["bytes_total"]
    plain = tessera.run("import", "ocean.nc", "c.zarr", "--progress", "plain").err
    assert "importing /TEMP  3 x 8 x 12 float32  100 %" in plain


def test_a_struct_that_zarr_3_has_not_hides_no_other_array(tessera, tmp_path):
    """Fields that are arrays: left out by name with what to do, and read as Zarr 2."""
    pair = np.dtype([("a", "i4"), ("list", "i4", (3,))])
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as file:
        file.createDimension("x", 4)
        file.createVariable("pair", file.createCompoundType(pair, "pair_t"), ("x",))[:] = np.ones(4, pair)
        file.createVariable("plain", "i4", ("x",))[:] = range(4)
    error = tessera.run("import", "in.nc", "a", "--verify", status=5).err
    assert '"list" is an array' in error and "--zarr-format 2" in error
    assert list(zarr.open_group(tmp_path / "a", mode="r")) == ["plain"]
    assert not list((tmp_path / "a").glob("__*"))
    tessera.run("import", "in.nc", "b", "--zarr-format", "2")
    tessera.run("diff", "in.nc", "b")
    tessera.error("import", "in.nc/pair", "c", status=8)
