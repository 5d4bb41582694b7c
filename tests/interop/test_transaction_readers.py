"""TensorStore and zarr-python read a tree before, during and after a transaction: whole versions, never a mixture."""

import subprocess
import sys

import numpy as np
import tensorstore
import zarr

import tessera_cli

ARRAYS = ("a", "b")


def by_tensorstore(path, driver="zarr3"):
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}
    return tensorstore.open(spec, read=True).result()


def both(tree):
    """The values of both arrays, each opened anew, by both readers, which agree."""
    values = [int(by_tensorstore(tree / name)[...].read().result()[0]) for name in ARRAYS]
    group = zarr.open_group(tree, mode="r")
    for name, value in zip(ARRAYS, values):
        assert group[name][:].tolist() == [value] * 8
    return values


def test_readers_of_others_see_whole_versions(tmp_path):
    tree = tmp_path / "t.zarr"
    group = zarr.open_group(tree, mode="w")
    for name in ARRAYS:
        group.create_array(name, shape=(8,), chunks=(2,), shards=(4,), dtype="i4")[:] = 1
    np.save(tmp_path / "twos.npy", np.full(8, 2, "i4"))
    held = {name: by_tensorstore(tree / name) for name in ARRAYS}
    assert both(tree) == [1, 1]
    with subprocess.Popen(
            [tessera_cli.TESSERA, "transaction", tree, "--", "sh", "-ec",
             'for name in a b; do "$0" put "$1" "$2/$name"; done; echo done; read answer', tessera_cli.TESSERA,
             tmp_path / "twos.npy", "{}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "done\n"
        assert both(tree) == [1, 1]  # all is written, and none of it published
        assert [int(held[name][...].read().result()[7]) for name in ARRAYS] == [1, 1]
        child.communicate("go on\n", timeout=60)
    assert child.returncode == 0
    assert both(tree) == [2, 2]
    # Handles from before look their paths up again: what they read is of the new version.
    for name in ARRAYS:
        assert held[name][...].read().result().tolist() == [2] * 8
    # The old version is whole, and readable by anybody, until it is collected.
    old = next((tmp_path / ".t.zarr.versions__lock").glob("*/t.zarr"))
    assert both(old) == [1, 1]


def test_writers_of_others_work_in_a_transaction(tmp_path):
    tree = tmp_path / "t.zarr"
    group = zarr.open_group(tree, mode="w")
    for name in ARRAYS:
        group.create_array(name, shape=(8,), chunks=(2,), shards=(4,), dtype="i4")[:] = 1
    code = ("import sys, tensorstore, zarr; tree = sys.argv[1]; zarr.open_group(tree, mode='r+')['a'][:] = 3; "
            "tensorstore.open({'driver': 'zarr3', 'kvstore': {'driver': 'file', 'path': tree + '/b'}}).result()[...] = 3")
    tessera_cli.run("transaction", tree, "--", sys.executable, "-c", code, "{}")
    assert both(tree) == [3, 3]
    assert both(next((tmp_path / ".t.zarr.versions__lock").glob("*/t.zarr"))) == [1, 1]
