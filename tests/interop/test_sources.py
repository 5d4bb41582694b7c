"""Files of other formats, value by value: what `info`, `cat`, `import` and `export` say of them, held
against netCDF4, h5py and NumPy reading the same files."""
import json
import pathlib
import subprocess
import sys

import h5py
import netCDF4
import numpy as np
import pytest
import zarr
from tessera_cli import TESSERA, run

FERRET = pathlib.Path("/usr/share/ferret-vis/data")
FILES = sorted(path.name for path in FERRET.glob("*.[cn]*"))
# Larger files are read in samples; `make demo` imports the largest whole.
WHOLE_BYTES, EXPORT_BYTES = 6e6, 3e6
NUMBERS = "i1 u1 i2 u2 i4 u4 i8 u8 f4 f8".split()


def raw(dtype, *arguments):
    """What `cat` prints, in native byte order."""
    little = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(run("cat", *arguments, "--format", "raw"), little).astype(np.dtype(dtype).newbyteorder("="))


def make(*arguments):
    """Without waiting for the disk: files of tests need not outlive a power cut."""
    run(*arguments, "--durability", "none")


def info(place):
    return json.loads(run("info", place, "--json"))


def same(ours, theirs):
    """The same bits, but for byte order, where a NaN has one form in NumPy and many in files."""
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs).astype(np.asarray(ours).dtype))


def variables(group, path=""):
    for name, variable in group.variables.items():
        variable.set_auto_maskandscale(False)
        yield path + name, variable
    for name, inner in group.groups.items():
        yield from variables(inner, f"{path}{name}/")


def check_description(place, variable):
    described = info(place)
    assert tuple(described["shape"]) == variable.shape
    assert np.dtype(described["dtype"]) == variable.dtype.newbyteorder("=")
    if variable.ndim:
        assert tuple(described["dimension_names"]) == variable.dimensions
    if "_FillValue" in variable.ncattrs():
        fill = described["fill_value"]
        assert np.array_equal(variable.dtype.type(fill), variable._FillValue, equal_nan=variable.dtype.kind == "f")


def check_sample(place, variable):
    """A strided box with an odd start, and the last element of each axis in it where it fits."""
    picks = [slice(n % 3 if n > 3 else 0, None, max(1, n // 7)) for n in variable.shape]
    select = ",".join(f"{pick.start}::{pick.step}" for pick in picks)
    expected = variable[tuple(picks)] if picks else variable[...]
    arguments = ["--select", select] if picks else []
    same(raw(variable.dtype, place, *arguments), np.ravel(expected))


def check_tree(tree, file):
    """All variables of a netCDF file in what was made of it."""
    for path, variable in variables(file):
        array = zarr.open_array(tree, path=path, mode="r")
        assert array.shape == variable.shape and array.dtype == variable.dtype.newbyteorder("="), path
        same(array[...], variable[...])


def check_export(exported, file):
    with netCDF4.Dataset(exported) as back:
        ours = dict(variables(back))
        theirs = dict(variables(file))
        assert ours.keys() == theirs.keys()
        for path, variable in theirs.items():
            assert ours[path].dimensions == variable.dimensions, path
            same(ours[path][...], variable[...])


def test_ferret_files_are_there():
    assert len(FILES) == 10


@pytest.mark.parametrize("name", FILES)
def test_ferret_file(tmp_path, name):
    source = FERRET / name
    size = source.stat().st_size
    with netCDF4.Dataset(source) as file:
        # Some files have many axes and sections that are alike.
        for number, (path, variable) in enumerate(variables(file)):
            if variable.ndim > 1 and number % 3 == 0 or number < 3:
                check_description(source / path, variable)
                check_sample(source / path, variable)
        if size < WHOLE_BYTES:
            make("import", source, tmp_path / "a.zarr", "--codec", "zstd:1")
            check_tree(tmp_path / "a.zarr", file)
        if size < EXPORT_BYTES:
            run("export", source, tmp_path / "direct.nc")
            check_export(tmp_path / "direct.nc", file)
            run("export", tmp_path / "a.zarr", tmp_path / "through.nc")
            check_export(tmp_path / "through.nc", file)


# ---- netCDF-4, in every manner of storage ----

MANNERS = {
    "contiguous": {"contiguous": True},
    "chunked": {"chunksizes": (3, 4)},
    "deflate": {"chunksizes": (3, 4), "compression": "zlib", "shuffle": False},
    "shuffle": {"chunksizes": (5, 2), "compression": "zlib", "shuffle": True, "complevel": 9},
    "fletcher": {"chunksizes": (7, 9), "fletcher32": True},
    "all": {"chunksizes": (2, 3), "compression": "zlib", "shuffle": True, "fletcher32": True},
    "big": {"endian": "big"},
    "big_shuffled": {"endian": "big", "chunksizes": (4, 4), "compression": "zlib", "shuffle": True},
    "filled": {"fill_value": 3, "chunksizes": (3, 4)},
}


def numbers(dtype, shape, seed):
    """All bits of integers, and floats of every kind: infinities, NaN, zeros of both signs, the smallest."""
    dtype = np.dtype(dtype)
    random = np.random.default_rng(seed)
    bits = random.integers(0, 256, (*shape, dtype.itemsize), "u1").view(dtype)[..., 0]
    if dtype.kind == "f":
        values = bits.reshape(-1)
        limits = np.finfo(dtype)
        values[:6] = [np.nan, np.inf, -np.inf, -0.0, limits.tiny, limits.max]
        values[np.isnan(values)] = np.nan
    return bits


@pytest.fixture(scope="module")
def netcdf_file(tmp_path_factory):
    """Each manner is a group with a variable of each type; the first axis of some is unlimited."""
    path = tmp_path_factory.mktemp("netcdf") / "all.nc"
    with netCDF4.Dataset(path, "w") as file:
        for number, (manner, options) in enumerate(MANNERS.items()):
            group = file.createGroup(manner)
            group.createDimension("y", 7 if manner == "contiguous" or number % 2 else None)
            group.createDimension("x", 9)
            for dtype in NUMBERS:
                variable = group.createVariable(f"v_{dtype}", dtype, ("y", "x"), **options)
                variable.set_auto_maskandscale(False)
                rows = 5 if manner == "filled" else 7  # the rest is never written
                variable[:rows] = numbers(dtype, (rows, 9), number)
                if manner == "filled":
                    variable[6, 8] = 1
    return path


@pytest.fixture(scope="module")
def netcdf_tree(netcdf_file):
    tree = netcdf_file.parent / "all.zarr"
    make("import", netcdf_file, tree)
    return tree


def test_netcdf_every_storage(netcdf_file, netcdf_tree, tmp_path):
    with netCDF4.Dataset(netcdf_file) as file:
        assert len(list(variables(file))) == len(MANNERS) * len(NUMBERS)
        check_tree(netcdf_tree, file)
        run("export", netcdf_tree, tmp_path / "back.nc")
        check_export(tmp_path / "back.nc", file)


@pytest.mark.parametrize("manner", MANNERS)
def test_netcdf_as_it_lies_there(netcdf_file, manner):
    """One type of each manner in turn, so that all types are met."""
    dtype = NUMBERS[list(MANNERS).index(manner) % len(NUMBERS)]
    place = netcdf_file / manner / f"v_{dtype}"
    with netCDF4.Dataset(netcdf_file) as file:
        variable = dict(variables(file))[f"{manner}/v_{dtype}"]
        check_description(place, variable)
        same(raw(dtype, place), np.ravel(variable[:]))
        same(raw(dtype, place, "--select", "5:1:-2, ::4"), np.ravel(variable[:][5:1:-2, ::4]))


def test_netcdf_diff_agrees(netcdf_file, netcdf_tree):
    run("diff", netcdf_file, netcdf_tree)


# ---- HDF5 as h5py writes it ----

HDF5_TYPES = [*NUMBERS, "f2", ">i2", ">u4", ">i8", ">f4", ">f8", ">f2", "?", "c8", "c16", ">c8"]
HDF5_MANNERS = {
    "contiguous": {},
    "gzip": {"chunks": (3, 4), "compression": "gzip"},
    "shuffle": {"chunks": (3, 4), "compression": "gzip", "shuffle": True},
    "fletcher": {"chunks": (4, 9), "fletcher32": True},
    "growing": {"chunks": (2, 9), "maxshape": (None, 9)},
}


def hdf5_values(dtype, seed):
    dtype = np.dtype(dtype)
    if dtype.kind == "?" or dtype.kind == "b":
        return np.arange(63).reshape(7, 9) % 3 == 0
    if dtype.kind == "c":
        part = f"f{dtype.itemsize // 2}"
        return (numbers(part, (7, 9), seed) + 1j * numbers(part, (7, 9), seed + 1)).astype(dtype)
    return numbers(dtype.newbyteorder("="), (7, 9), seed).astype(dtype)


@pytest.fixture(scope="module")
def hdf5_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("hdf5") / "all.h5"
    with np.errstate(all="ignore"), h5py.File(path, "w") as file:
        for seed, (manner, options) in enumerate(HDF5_MANNERS.items()):
            for dtype in HDF5_TYPES:
                file.create_dataset(f"{manner}/{dtype.replace('>', 'big_').replace('?', 'bool')}", dtype=dtype,
                                    data=hdf5_values(dtype, seed), **options)
        lazy = file.create_dataset("filled", (7, 9), "i4", chunks=(3, 3), fillvalue=-7)
        lazy[4, 4] = 1
        file["scalar"] = np.float64(2.5)
        file["none"] = np.zeros((0, 3), "i2")
        file["soft"] = h5py.SoftLink("/gzip/i4")
    return path


def test_hdf5_every_storage(hdf5_file, tmp_path):
    make("import", hdf5_file, tmp_path / "a.zarr")
    tree = zarr.open_group(tmp_path / "a.zarr", mode="r")
    seen = []
    with h5py.File(hdf5_file) as file:
        def check(name, node):
            if isinstance(node, h5py.Dataset):
                seen.append(name)
                array = tree[name]
                assert array.shape == node.shape and array.dtype == node.dtype.newbyteorder("="), name
                same(array[...], node[()])
        file.visititems(check)
    assert len(seen) == len(HDF5_MANNERS) * len(HDF5_TYPES) + 3
    run("diff", hdf5_file, tmp_path / "a.zarr")


@pytest.mark.parametrize("dtype", HDF5_TYPES)
def test_hdf5_as_it_lies_there(hdf5_file, dtype):
    manner = list(HDF5_MANNERS)[HDF5_TYPES.index(dtype) % len(HDF5_MANNERS)]
    name = f"{manner}/{dtype.replace('>', 'big_').replace('?', 'bool')}"
    with h5py.File(hdf5_file) as file:
        same(raw(dtype, hdf5_file / name), np.ravel(file[name][()]))


def refused(*arguments, status):
    done = subprocess.run([TESSERA, *map(str, arguments)], capture_output=True, timeout=120)
    assert done.returncode == status, done.stderr
    return done.stderr.decode()


def test_hdf5_filters_that_are_not_there_are_named(tmp_path):
    """LZF belongs to h5py; libhdf5 has it as a plug-in alone."""
    with h5py.File(tmp_path / "lzf.h5", "w") as file:
        file.create_dataset("packed", data=np.arange(1000), chunks=(100,), compression="lzf")
        file["good"] = np.arange(3)
    assert 'filter "lzf"' in refused("cat", tmp_path / "lzf.h5/packed", status=8)
    assert "left out packed: " in refused("import", tmp_path / "lzf.h5", tmp_path / "a.zarr", status=5)
    assert zarr.open_array(tmp_path / "a.zarr" / "good", mode="r")[:].tolist() == [0, 1, 2]


def test_hdf5_what_has_no_type_is_named(tmp_path):
    """The rest of the file is imported."""
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["good"] = np.arange(3)
        file["references"] = np.array([file["good"].ref], h5py.ref_dtype)
        file["empty"] = h5py.Empty("f4")
    told = refused("import", tmp_path / "odd.h5", tmp_path / "a.zarr", status=5)
    for name in "references", "empty":
        assert f"left out {name}: " in told
        assert name in refused("cat", tmp_path / "odd.h5" / name, status=8)
    assert zarr.open_array(tmp_path / "a.zarr" / "good", mode="r")[:].tolist() == [0, 1, 2]


# ---- npy ----

NPY_TYPES = [*HDF5_TYPES, ">i4", ">u8", ">c16"]


def test_npy_every_type(tmp_path):
    for number, dtype in enumerate(NPY_TYPES):
        with np.errstate(all="ignore"):
            values = np.asarray(hdf5_values(dtype, number), order="CF"[number % 2])
        path = tmp_path / f"{number}.npy"
        np.save(path, values)
        same(raw(dtype, path), np.ravel(values))
        make("import", path, tmp_path / f"{number}.zarr", "--chunks", "3,4")
        same(zarr.open_array(tmp_path / f"{number}.zarr", mode="r")[...], values)
        run("export", tmp_path / f"{number}.zarr", tmp_path / f"back{number}.npy")
        back = np.load(tmp_path / f"back{number}.npy")
        assert back.dtype == values.dtype.newbyteorder("=")
        same(back, values)


@pytest.mark.parametrize("values", [np.float64(3), np.zeros((0, 4)), np.arange(5)[::2], np.zeros((2,) * 20, "u1")],
                         ids=["scalar", "empty", "one", "rank20"])
def test_npy_shapes(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    assert tuple(info(tmp_path / "a.npy")["shape"]) == np.shape(values)
    make("import", tmp_path / "a.npy", tmp_path / "a.zarr")
    run("export", tmp_path / "a.zarr", tmp_path / "b.npy")
    same(np.load(tmp_path / "b.npy"), values)


def test_npy_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, None]), allow_pickle=True)
    assert "a.npy" in refused("cat", tmp_path / "a.npy", status=8)
    assert "a.npy" in refused("import", tmp_path / "a.npy", tmp_path / "a.zarr", status=8)
    assert not (tmp_path / "a.zarr").exists()


assert sys.byteorder == "little"  # where native stands for little-endian above
