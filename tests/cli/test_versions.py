"""cp -r between Zarr v2 and v3: elements, attributes, names of axes and fill values come along, both ways."""

import json

import numpy as np
import pytest
import zarr


@pytest.fixture(params=[2, 3])
def origin(request, tmp_path):
    def named(*names):
        if request.param == 2:
            return {"attributes": {"units": "m", "_ARRAY_DIMENSIONS": list(names)}}
        return {"attributes": {"units": "m"}, "dimension_names": list(names)}

    root = zarr.create_group(tmp_path / "from.zarr", zarr_format=request.param, attributes={"title": "both"})
    values = np.arange(60, dtype="int32").reshape(6, 10)
    root.create_array("g/named", shape=(6, 10), chunks=(4, 4), dtype="int32", fill_value=-1, **named("y", "x"))[:] = values
    root.create_array("zeros", shape=(4,), chunks=(2,), dtype="int16", fill_value=0, **named("y"))[0] = 7
    root.create_array("scalar", shape=(), dtype="float64", fill_value=np.nan)
    root.create_array("big", shape=(5,), chunks=(2,), dtype=">f4" if request.param == 2 else "float32")[:] = np.arange(5)
    root.create_group("empty", attributes={"n": [1, 2]})
    return request.param


def test_trees_change_their_version(tessera, tmp_path, origin):
    other = 5 - origin
    tessera.run("cp", "-r", "from.zarr", "to.zarr", "--zarr-format", other)
    root = zarr.open_group(tmp_path / "to.zarr", mode="r", zarr_format=other)
    assert dict(root.attrs) == {"title": "both"} and dict(root["empty"].attrs) == {"n": [1, 2]}
    named = root["g/named"]
    assert np.array_equal(named[:], np.arange(60).reshape(6, 10)) and named.chunks == (4, 4)
    assert named.fill_value == -1
    # v2 arrays with names of axes are xarray's, which would take zeros for missing elements: null reads as 0 too.
    assert root["zeros"].fill_value == (0 if other == 3 else None)
    assert np.array_equal(root["zeros"][:], [7, 0, 0, 0])
    if other == 3:
        assert named.metadata.dimension_names == ("y", "x")
        assert dict(named.attrs) == {"units": "m"}
    else:
        assert json.loads((tmp_path / "to.zarr/g/named/.zattrs").read_text()) == {
            "units": "m", "_ARRAY_DIMENSIONS": ["y", "x"]}
    assert np.isnan(root["scalar"][()]) and np.array_equal(root["big"][:], np.arange(5))


def test_there_and_back_again(tessera, tmp_path, origin):
    tessera.run("cp", "-r", "from.zarr", "to.zarr", "--zarr-format", 5 - origin)
    tessera.run("cp", "-r", "to.zarr", "back.zarr", "--zarr-format", origin)
    old, new = (zarr.open_array(tmp_path / place / "g" / "named", mode="r") for place in ("from.zarr", "back.zarr"))
    assert np.array_equal(old[:], new[:]) and dict(old.attrs) == dict(new.attrs)
    if origin == 3:
        assert old.metadata.dimension_names == new.metadata.dimension_names
    assert tessera.run("diff", "from.zarr/g/named", "back.zarr/g/named").status == 0
