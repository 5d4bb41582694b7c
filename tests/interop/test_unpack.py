"""Packed variables: what --unpack makes of them against netCDF4 and xarray, and times, which stay."""
import io
import json
import subprocess

import netCDF4
import numpy as np
import pytest
import xarray
import zarr
from tessera_cli import TESSERA, run

SHAPE = (20, 30)
CASES = {
    # name: packed type, scale_factor, add_offset, _FillValue, other attributes
    "short": ("i2", np.float32(0.01), np.float32(273.15), -32768, {}),
    "short_f8": ("i2", 0.01, 273.15, -32768, {}),
    "scale_alone": ("i2", np.float32(0.5), None, None, {}),
    "offset_alone": ("u1", None, 100.0, 255, {}),
    "byte": ("i1", np.float32(0.25), None, -128, {}),
    "integer": ("i4", 1e-3, 0.0, -2147483648, {}),
    "missing": ("i2", 2.0, None, None, {"missing_value": np.int16(7)}),
    "both": ("i2", 2.0, None, -1, {"missing_value": np.int16(7)}),
    "unsigned": ("i1", np.float32(2), None, -1, {"_Unsigned": "true"}),
    "float": ("f4", np.float32(2), np.float32(1), np.float32(1e20), {}),
}


def values(place, *arguments):
    return np.load(io.BytesIO(run("cat", place, "--format", "npy", *arguments)))


@pytest.fixture(scope="module", params=["NETCDF3_CLASSIC", "NETCDF4"])
def file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "a.nc"
    generator = np.random.default_rng(1)
    with netCDF4.Dataset(path, "w", format=request.param) as dataset:
        dataset.set_auto_maskandscale(False)
        dataset.createDimension("y", SHAPE[0])
        dataset.createDimension("x", SHAPE[1])
        for name, (dtype, scale, offset, fill, more) in CASES.items():
            if dtype == "u1" and request.param == "NETCDF3_CLASSIC":
                continue
            variable = dataset.createVariable(name, dtype, ("y", "x"), fill_value=fill)
            variable.set_auto_maskandscale(False)
            attributes = {"scale_factor": scale, "add_offset": offset, "units": "K", **more}
            variable.setncatts({key: value for key, value in attributes.items() if value is not None})
            data = generator.integers(-100, 100, SHAPE).astype(dtype)
            data[3:5, 7:9] = fill if fill is not None else 7
            variable[:] = data
        plain = dataset.createVariable("plain", "i2", ("y", "x"), fill_value=-5)
        plain.set_auto_maskandscale(False)
        plain[:] = -5
        time = dataset.createVariable("time", "i4", ("y",))
        time.units, time.calendar = "hours since 1900-01-01", "noleap"
        time[:] = np.arange(SHAPE[0])
    return path


def expected(path, name):
    """By netCDF4, in float64, with the signs that _Unsigned says."""
    with netCDF4.Dataset(path) as dataset:
        variable = dataset[name]
        variable.set_auto_maskandscale(True)
        return np.ma.filled(variable[...].astype("f8"), np.nan)


def test_cat_and_import(file, tmp_path):
    run("import", file, tmp_path / "a.zarr", "--unpack", "--verify")
    tree = zarr.open_group(tmp_path / "a.zarr", mode="r")
    with netCDF4.Dataset(file) as dataset:
        names = [name for name in CASES if name in dataset.variables]
    assert len(names) >= 9
    for name in names:
        dtype, scale, offset, fill, more = CASES[name]
        wanted = expected(file, name)
        found = values(file / name, "--unpack")
        single = np.dtype(dtype).itemsize <= 2 or dtype == "f4"
        single = single and all(float(np.float32(n)) == float(n) for n in (scale or 0, offset or 0))
        assert found.dtype == ("f4" if single else "f8"), name
        tolerance = 3e-7 if single else 1e-14
        np.testing.assert_allclose(found, wanted, rtol=tolerance, err_msg=name)
        np.testing.assert_array_equal(tree[name][...], found)
        np.testing.assert_array_equal(values(file / name, "--unpack", "--select", "2:9, ::-3"), found[2:9, ::-3])
        assert dict(tree[name].attrs).get("units") == "K"
        assert not {"scale_factor", "add_offset", "missing_value", "_Unsigned"} & set(tree[name].attrs)
        assert np.isnan(found[3, 7]) == (fill is not None or "missing_value" in more), name


def test_what_is_not_packed_stays(file, tmp_path):
    run("import", file, tmp_path / "a.zarr", "--unpack")
    assert (values(file / "plain", "--unpack") == -5).all() and values(file / "plain", "--unpack").dtype == "i2"
    time = zarr.open_array(tmp_path / "a.zarr/time", mode="r")
    assert time.dtype == "i4" and time.attrs["units"] == "hours since 1900-01-01"
    assert time.attrs["calendar"] == "noleap" and (time[...] == np.arange(SHAPE[0])).all()


def test_without_unpack_all_stays(file, tmp_path):
    run("import", file, tmp_path / "a.zarr")
    short = zarr.open_array(tmp_path / "a.zarr/short", mode="r")
    with netCDF4.Dataset(file) as dataset:
        dataset.set_auto_maskandscale(False)
        np.testing.assert_array_equal(short[...], dataset["short"][...])
        assert short.dtype == "i2" and np.float32(short.attrs["scale_factor"]) == dataset["short"].scale_factor


def test_xarray_reads_the_same(file, tmp_path):
    """What was unpacked by us, and what xarray unpacks of a plain import."""
    run("import", file, tmp_path / "plain.zarr")
    run("import", file, tmp_path / "unpacked.zarr", "--unpack")
    options = {"engine": "zarr", "consolidated": False, "decode_times": False}
    with xarray.open_dataset(tmp_path / "plain.zarr", **options) as theirs, \
            xarray.open_dataset(tmp_path / "unpacked.zarr", **options) as ours:
        for name in ("short", "short_f8", "integer", "byte", "both"):
            np.testing.assert_allclose(ours[name].values, theirs[name].values, rtol=3e-7, err_msg=name)


def test_where_sees_unpacked_numbers(file):
    table = run("cat", file / "scale_alone", "--unpack", "--where", "x > 40", "--format", "csv").decode().split()[1:]
    wanted = expected(file, "scale_alone")
    assert len(table) == (wanted > 40).sum() > 0
    for line in table:
        y, x, value = line.split(",")
        assert wanted[int(y), int(x)] == float(value)


def test_one_bad_attribute_hides_no_other_array(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as dataset:
        dataset.createDimension("x", 3)
        for name, scale in (("bad", "two"), ("good", 2.0)):
            variable = dataset.createVariable(name, "i2", ("x",))
            variable.set_auto_maskandscale(False)
            variable.scale_factor = scale
            variable[:] = 1
    done = subprocess.run([TESSERA, "import", tmp_path / "a.nc", tmp_path / "a.zarr", "--unpack", "--json"],
                          capture_output=True)
    assert done.returncode != 0 and b"scale_factor" in done.stderr
    assert json.loads(done.stdout)["skipped"] == 1
    assert (zarr.open_array(tmp_path / "a.zarr/good")[...] == 2).all()
    done = subprocess.run([TESSERA, "cat", tmp_path / "a.nc/bad", "--unpack"], capture_output=True)
    assert done.returncode != 0 and b"scale_factor is not a number" in done.stderr


def test_misuse(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(8))
    for option in ("--unpack", "--verify"):
        done = subprocess.run([TESSERA, "import", tmp_path / "a.bin", tmp_path / "a.zarr", "--shape", "8", "--dtype",
                               "u1", option], capture_output=True)
        assert done.returncode == 2 and b"bare numbers" in done.stderr
    run("create", tmp_path / "b.zarr", "--shape", "3", "--dtype", "i2")
    done = subprocess.run([TESSERA, "cat", tmp_path / "b.zarr", "--unpack", "--follow"], capture_output=True)
    assert done.returncode == 2
