"""--inner-order: shards laid out as zarr-python lays them out, byte by byte; readers do not care."""

import numpy as np
import pytest
import zarr


@pytest.mark.parametrize("shape, chunks", [((8, 12), (2, 3)), ((12, 4, 6), (3, 2, 2)), ((40,), (4,)), ((7, 5), (1, 1))])
def test_morton_is_what_zarr_python_writes(tessera, tmp_path, shape, chunks):
    values = np.arange(1, np.prod(shape) + 1, dtype="<i2").reshape(shape)
    theirs = zarr.create_array(tmp_path / "theirs", shape=shape, chunks=chunks, shards=shape, dtype="int16",
                               compressors=None, filters=None)
    theirs[:] = values
    tessera.run("create", "ours", "--like", "theirs")
    tessera.run("put", "-", "ours", "--inner-order", "morton", input=values.tobytes())
    key = "/".join(["c"] + ["0"] * len(shape))
    assert (tmp_path / "ours" / key).read_bytes() == (tmp_path / "theirs" / key).read_bytes()


def test_every_order_reads_the_same(tessera, tmp_path):
    values = np.arange(1, 97, dtype="<i2").reshape(8, 12)
    seen = set()
    for order in ("lexicographic", "colexicographic", "morton"):
        tessera.run("create", order, "--shape", "8,12", "--dtype", "i2", "--chunks", "2,3", "--shards", "8,12",
                    "--codec", "none")
        tessera.run("put", "-", order, "--inner-order", order, input=values.tobytes())
        assert np.array_equal(zarr.open_array(tmp_path / order, mode="r")[:], values)
        seen.add((tmp_path / order / "c" / "0" / "0").read_bytes())
    assert len(seen) == 3
    tessera.run("cp", "lexicographic", "copy", "--inner-order", "morton")
    assert (tmp_path / "copy" / "c" / "0" / "0").read_bytes() == (tmp_path / "morton" / "c" / "0" / "0").read_bytes()
    tessera.error("cp", "copy", "again", "--inner-order", "mortn", status=2)
