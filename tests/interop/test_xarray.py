"""xarray sees in an imported tree what it sees in the netCDF file itself: values, masks, attributes,
dimensions. And in a file that was exported again."""
import pathlib
import warnings

import netCDF4
import numpy as np
import pytest
import xarray
from tessera_cli import run

FERRET = pathlib.Path("/usr/share/ferret-vis/data")
# etopo5.cdf is the same as the other reliefs, and large: `make demo` has it.
FILES = [path.name for path in sorted(FERRET.glob("*.[cn]*")) if path.stat().st_size < 20e6]


def open_file(path, group=None):
    return xarray.load_dataset(path, engine="netcdf4", decode_times=False, group=group)


def open_zarr(path, group=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # a mask that cannot be applied
        opened = xarray.open_zarr(path, group=group, decode_times=False, consolidated=False, chunks=None)
        return opened.load()


def assert_seen_alike(ours, theirs):
    xarray.testing.assert_identical(ours, theirs)
    for name, variable in theirs.variables.items():
        assert ours[name].dtype == variable.dtype, name
        assert ours[name].dims == variable.dims, name
        for key in "_FillValue", "missing_value":
            here, there = (set_.encoding.get(key) for set_ in (ours[name], variable))
            np.testing.assert_array_equal(here, there, err_msg=f"{name}: {key}")


def test_files_are_found():
    assert len(FILES) == 9


@pytest.mark.parametrize("name", FILES)
def test_imported_files(tmp_path, name):
    """Small ones in both formats, large ones in turn."""
    source = FERRET / name
    formats = [2, 3] if source.stat().st_size < 1e6 else [2 + FILES.index(name) % 2]
    expected = open_file(source)
    for zarr_format in formats:
        run("import", source, tmp_path / "a.zarr", "--zarr-format", zarr_format, "--overwrite", "--codec", "zstd:1")
        assert_seen_alike(open_zarr(tmp_path / "a.zarr"), expected)


def make_file(path):
    """Every way of saying what is missing, and zeros that are not."""
    with netCDF4.Dataset(path, "w") as file:
        file.title = "masks \u00b5"
        file.createDimension("x", 6)
        file.createDimension("t", None)
        inner = file.createGroup("inner")

        def add(name, dtype, values, dims=("x",), group=file, fill=None, **attributes):
            variable = group.createVariable(name, dtype, dims, fill_value=fill)
            variable.set_auto_maskandscale(False)
            variable[...] = values
            variable.setncatts(attributes)

        count = np.arange(6)
        add("x", "f8", count * 1.5, units="m")
        for dtype in "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8":
            add(f"plain_{dtype}", dtype, count.astype(dtype))
            add(f"fill_{dtype}", dtype, count.astype(dtype), fill=np.dtype(dtype).type(2))
            add(f"zero_is_missing_{dtype}", dtype, count.astype(dtype), fill=np.dtype(dtype).type(0))
        add("nan", "f4", np.where(count == 3, np.nan, count), fill=np.nan)
        add("huge", "f4", np.where(count == 3, 1e20, count), fill=np.float32(1e20), missing_value=np.float32(1e20))
        add("minus", "f8", np.where(count == 1, -1e34, count), missing_value=-1e34, valid_range=[0.5, 1e3])
        add("packed", "i2", count - 3, fill=np.int16(-3), scale_factor=0.25, add_offset=10.0)
        add("only_missing_value", "f4", np.where(count == 1, -1e34, count), missing_value=np.float32(-1e34))
        add("largest", "u8", np.full(6, 2**64 - 1, "u8"), fill=np.uint64(2**64 - 1))
        add("smallest", "i8", np.full(6, -(2**63)), fill=np.int64(-(2**63)))
        add("scalar", "f4", 0.0, dims=())
        add("scalar_missing", "f4", 7.0, dims=(), fill=np.float32(7))
        add("t", "i4", [3, 5], dims=("t",), units="days since 2000-01-01")
        add("series", "f4", np.zeros((2, 6), "f4"), dims=("t", "x"), fill=np.float32(-1), coordinates="x t")
        add("nothing", "f4", np.full((2, 6), -1, "f4"), dims=("t", "x"), fill=np.float32(-1))
        add("deep", "i4", count, group=inner, fill=np.int32(5))


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    path = tmp_path_factory.mktemp("masks") / "masks.nc"
    make_file(path)
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_masks(masks, tmp_path, zarr_format):
    run("import", masks, tmp_path / "a.zarr", "--zarr-format", zarr_format)
    for group in None, "inner":
        assert_seen_alike(open_zarr(tmp_path / "a.zarr", group), open_file(masks, group))


@pytest.mark.parametrize("steps", [[2, 2], [3, 3], [2, 3], [3, 2], [3, 2, 3]])
def test_masks_survive_copies_and_come_back(masks, tmp_path, steps):
    """Through both formats, then to netCDF."""
    place = masks
    for number, zarr_format in enumerate(steps):
        copy = tmp_path / f"{number}.zarr"
        run(*(["cp", "-r"] if number else ["import"]), place, copy, "--zarr-format", zarr_format)
        place = copy
    assert_seen_alike(open_zarr(place), open_file(masks))
    run("export", place, tmp_path / "back.nc")
    for group in None, "inner":
        assert_seen_alike(open_file(tmp_path / "back.nc", group), open_file(masks, group))


def test_a_conversion_converts_what_is_missing(masks, tmp_path):
    run("cp", masks / "fill_f4", tmp_path / "a.zarr/x", "--dtype", "f8", "--casting", "safe")
    wider = open_zarr(tmp_path / "a.zarr")["x"]
    assert wider.dtype == "f8" and wider.encoding["_FillValue"] == 2
    np.testing.assert_array_equal(wider, [0, 1, np.nan, 3, 4, 5])


def test_complex(tmp_path):
    """No netCDF has it: from v2, where it is a pair of numbers, to xarray's pair of texts."""
    run("create", tmp_path / "a.zarr/z", "--shape=3", "--dtype=c8", "--dimension-names=x", "--zarr-format=2",
        '--attributes={"_FillValue":[1.5,"NaN"]}', "--fill-value=[1.5,\"NaN\"]")
    run("cp", "-r", tmp_path / "a.zarr", tmp_path / "b.zarr", "--zarr-format", 3)
    there = open_zarr(tmp_path / "b.zarr")["z"].encoding["_FillValue"]
    assert there.real == 1.5 and np.isnan(there.imag)


def test_what_xarray_wrote(tmp_path):
    """Its own v3 files reach netCDF with their masks."""
    values = np.array([0, 1, np.nan, 3], "f4")
    for zarr_format in 2, 3:
        place = tmp_path / f"{zarr_format}.zarr"
        set_ = xarray.Dataset({"v": ("x", values, {"units": "K"}), "n": ("x", np.arange(4, dtype="i2"))})
        set_.to_zarr(place, zarr_format=zarr_format, consolidated=False,
                     encoding={"v": {"_FillValue": np.float32(-9)}})
        run("export", place, tmp_path / f"{zarr_format}.nc")
        with netCDF4.Dataset(tmp_path / f"{zarr_format}.nc") as file:
            file.set_auto_mask(False)
            np.testing.assert_array_equal(file["v"][:], [0, 1, -9, 3])
            if zarr_format == 3:
                assert file["v"].getncattr("_FillValue") == np.float32(-9)
            assert "_FillValue" not in file["n"].ncattrs()
