"""export: netCDF-4 and npy, read back by netCDF4 and NumPy."""

import netCDF4
import numpy as np
import pytest
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


def test_types_that_netcdf_lacks_are_left_out(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g")
    group.create_array("c", data=np.zeros(3, "c8"))
    group.create_array("i", data=np.arange(3, dtype="i2"))
    result = tessera.run("export", "g", "g.nc", status=5)
    assert "left out c" in result.err
    with netCDF4.Dataset(tmp_path / "g.nc") as file:
        assert list(file.variables) == ["i"]


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
