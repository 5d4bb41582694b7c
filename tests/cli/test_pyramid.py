"""pyramid: levels that are those of TensorStore's downsample driver, metadata that OME-Zarr 0.5 asks for."""

import json
import subprocess

import numpy as np
import pytest
import tensorstore
import zarr


def levels_of(folder):
    """The group's image, and its arrays in the order of its datasets."""
    group = zarr.open_group(folder, mode="r")
    image = group.attrs["ome"]["multiscales"][0]
    return image, [group[entry["path"]] for entry in image["datasets"]]


def expected(values, factors, method):
    """By another implementation. Where an axis has one element, it stays."""
    factors = [factor if length > 1 else 1 for factor, length in zip(factors, values.shape)]
    base = tensorstore.array(values)
    return tensorstore.downsample(base, factors, method).read().result()


def check_specification(folder):
    """What https://ngff.openmicroscopy.org/0.5/ demands of an image (sections axes, multiscales,
    coordinateTransformations), clause by clause."""
    group = zarr.open_group(folder, mode="r")
    assert group.metadata.zarr_format == 3 and group.attrs["ome"]["version"] == "0.5"
    for image in group.attrs["ome"]["multiscales"]:
        axes, datasets = image["axes"], image["datasets"]
        names = [axis["name"] for axis in axes]
        assert len(set(names)) == len(names) and all(isinstance(name, str) for name in names)
        assert 2 <= len(axes) <= 5
        types = [axis.get("type") for axis in axes]
        spaces = types.count("space")
        assert 2 <= spaces <= 3 and types[-spaces:] == ["space"] * spaces
        assert types.count("time") <= 1 and (types[0] == "time" or "time" not in types)
        assert sum(kind not in ("time", "space") for kind in types) <= 1
        before = None
        for entry in datasets:
            array = group[entry["path"]]
            assert array.ndim == len(axes) and list(array.metadata.dimension_names) == names
            assert before is None or (array.dtype == before.dtype and array.size <= before.size)
            before = array
            kinds = [transform["type"] for transform in entry["coordinateTransformations"]]
            assert kinds in (["scale"], ["scale", "translation"])
            for transform in entry["coordinateTransformations"]:
                numbers = transform[transform["type"]]
                assert len(numbers) == len(axes) and all(isinstance(number, float) for number in numbers)


@pytest.mark.parametrize("method, dtype", [
    ("mean", "u1"), ("mean", "i2"), ("mean", "f4"), ("mean", "u8"), ("mean", "?"), ("median", "i2"), ("median", "f4"),
    ("mode", "u1"), ("mode", "?"), ("stride", "f4"), ("min", "i2"), ("max", "f4")])
def test_levels_are_those_of_tensorstore(tessera, tmp_path, method, dtype):
    random = np.random.default_rng(7)
    shape = (2, 21, 26)
    values = (random.integers(0, 2 if dtype == "?" else 9, shape) * (1 if dtype != "f4" else 0.25)).astype(dtype)
    array = zarr.create_array(tmp_path / "a", data=values, chunks=(1, 8, 8), dimension_names=["c", "y", "x"])
    tessera.run("pyramid", "a", "p", "--method", method, "--factors", "y=2,x=3", "--durability", "none")
    image, levels = levels_of(tmp_path / "p")
    assert image["type"] == method and len(levels) == 3
    for number, level in enumerate(levels):
        assert level.chunks == array.chunks and level.dtype == values.dtype
        # TensorStore sums float32 as float32.
        assert np.allclose(level[:], values, rtol=1e-6 if (method, dtype) == ("mean", "f4") else 0, atol=0), number
        values = expected(values, (1, 2, 3), method)
    check_specification(tmp_path / "p")


def test_metadata(tessera, tmp_path):
    zarr.create_array(tmp_path / "in.zarr/cells", data=np.ones((2, 64, 100), "u2"), chunks=(1, 32, 32),
                      dimension_names=["z", "y", "x"], attributes={"stain": "DAPI"})
    tessera.run("pyramid", "in.zarr/cells", "p", "--scale", "z=2,y=0.5,x=0.5", "--units",
                "z=micrometer,y=micrometer,x=micrometer", "--factors", "1,2,2")
    check_specification(tmp_path / "p")
    image, levels = levels_of(tmp_path / "p")
    assert image["name"] == "cells"
    assert image["axes"] == [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    # A level's first element covers those of the array from its first on: its centre lies further in.
    assert [entry["coordinateTransformations"] for entry in image["datasets"]] == [
        [{"type": "scale", "scale": [2.0, 0.5, 0.5]}],
        [{"type": "scale", "scale": [2.0, 1.0, 1.0]}, {"type": "translation", "translation": [0.0, 0.25, 0.25]}],
        [{"type": "scale", "scale": [2.0, 2.0, 2.0]}, {"type": "translation", "translation": [0.0, 0.75, 0.75]}]]
    assert [level.shape for level in levels] == [(2, 64, 100), (2, 32, 50), (2, 16, 25)]
    assert all(level.attrs["stain"] == "DAPI" for level in levels)


@pytest.mark.parametrize("shape, names, types", [
    ((8, 9), "yx", ["space"] * 2), ((3, 8, 9), "zyx", ["space"] * 3),
    ((2, 3, 8, 9), "czyx", ["channel"] + ["space"] * 3),
    ((2, 2, 3, 8, 9), "tczyx", ["time", "channel"] + ["space"] * 3)])
def test_axes_without_names_get_the_usual_ones(tessera, tmp_path, shape, names, types):
    np.save(tmp_path / "a.npy", np.arange(np.prod(shape), dtype="f8").reshape(shape))
    tessera.run("pyramid", "a.npy", "p", "--levels", "1")
    check_specification(tmp_path / "p")
    image, levels = levels_of(tmp_path / "p")
    assert [axis["name"] for axis in image["axes"]] == list(names)
    assert [axis["type"] for axis in image["axes"]] == types
    halved = [-(-length // 2) if kind == "space" else length for length, kind in zip(shape, types)]
    assert len(levels) == 2 and list(levels[1].shape) == halved


def test_a_fourth_axis_of_no_kind(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.zeros((2, 3, 8, 9)), dimension_names=["member", "level", "lat", "lon"])
    tessera.run("pyramid", "a", "p", "--levels", "1")
    check_specification(tmp_path / "p")
    image, levels = levels_of(tmp_path / "p")
    assert image["axes"][0] == {"name": "member"} and levels[1].shape == (2, 2, 4, 5)


def test_options_of_arrays(tessera, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100 * 100, dtype="i4").reshape(100, 100))
    document = tessera.json("pyramid", "a.npy", "p", "--chunks", "10,10", "--shards", "40,40", "--codec", "gzip:1",
                            schema="transfer")
    assert document["action"] == "made" and document["arrays"] == 5 and document["groups"] == 1
    _, levels = levels_of(tmp_path / "p")
    assert [level.shape[0] for level in levels] == [100, 50, 25, 13, 7]
    assert all(level.chunks == (10, 10) and level.shards == (40, 40) for level in levels)
    report = tessera.json("check", "p", "--data", schema="check")
    assert report["findings"] == []


def test_levels_that_are_asked_for(tessera, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(12, dtype="i4").reshape(3, 4))
    tessera.run("pyramid", "a.npy", "p", "--levels", "9")
    _, levels = levels_of(tmp_path / "p")
    assert [level.shape for level in levels] == [(3, 4), (2, 2), (1, 1)]
    tessera.run("pyramid", "a.npy", "q", "--levels", "0")
    _, levels = levels_of(tmp_path / "q")
    assert [level.shape for level in levels] == [(3, 4)]
    out = tessera.run("pyramid", "a.npy", "r", "--levels", "1", "--dry-run").out
    assert out.count("would make") == 2 and "(2, 2)" in out and not (tmp_path / "r").exists()


def test_it_goes_on_where_it_was_interrupted(tessera, tmp_path):
    """A level that is whole is not made anew; one that is begun is finished."""
    values = np.arange(64 * 64, dtype="i4").reshape(64, 64)
    np.save(tmp_path / "a.npy", values)
    command = ["pyramid", "a.npy", "p", "--chunks", "8,8"]
    tessera.run(*command)
    # As if it had been killed in the second level.
    for path in ["2/c/0/1", "2/c/1/0", "3"]:
        target = tmp_path / "p" / path
        if target.is_dir():
            for file in sorted(target.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            target.rmdir()
        else:
            target.unlink()
    metadata = tmp_path / "p" / "zarr.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "attributes": {}}))
    mark = {"command": "pyramid", "source": str(tmp_path / "a.npy"), "options": ["chunks", "8,8"],
            "finished": ["0", "1"], "current": {"path": "2", "chunks": 1}}
    (tmp_path / "p" / "__tessera_unfinished").write_text(json.dumps(mark))
    kept = (tmp_path / "p/1/c/0/0").stat().st_ino
    result = tessera.run(*command)
    assert "2 were whole already" in result.err
    assert (tmp_path / "p/1/c/0/0").stat().st_ino == kept and not (tmp_path / "p/__tessera_unfinished").exists()
    _, levels = levels_of(tmp_path / "p")
    for level in levels:
        assert np.array_equal(level[:], values)
        values = expected(values, (2, 2), "mean")
    assert len(levels) == 4


def test_refusals(tessera, tmp_path):
    np.save(tmp_path / "line.npy", np.arange(9))
    np.save(tmp_path / "plane.npy", np.arange(12, dtype="c8").reshape(3, 4))
    np.save(tmp_path / "rgb.npy", np.zeros((8, 9, 3), "u1"))
    assert "2 to 5 axes" in tessera.error("pyramid", "line.npy", "p", status=8)
    assert "order of an image" in tessera.error("pyramid", "rgb.npy", "p", "--dimension-names", "y,x,c", status=8)
    assert "min" in tessera.error("pyramid", "plane.npy", "p", "--method", "min", status=2)
    for arguments in (["--factors", "1"], ["--factors", "0"], ["--factors", "2.5"], ["--factors", "2,2,2"],
                      ["--factors", "q=2"], ["--scale", "0"], ["--scale", "nan"], ["--units", "q=meter"],
                      ["--units", "x"], ["--zarr-format", "2"], ["--dimension-names", "x,x"],
                      ["--dimension-names", "x"]):
        tessera.error("pyramid", "plane.npy", "p", *arguments, status=2)
    assert not (tmp_path / "p").exists()
    tessera.run("pyramid", "plane.npy", "p")
    assert "exists" in tessera.error("pyramid", "plane.npy", "p", status=8)
    tessera.run("pyramid", "plane.npy", "p", "--overwrite", "--levels", "1")
    np.save(tmp_path / "large.npy", np.zeros((2000, 2000)))
    assert "limit is" in tessera.error("pyramid", "large.npy", "q", "--memory", "1MiB", status=8)


def test_verify_reads_every_level_back(tessera, tmp_path):
    values = np.random.default_rng(5).normal(size=(40, 60)).astype("f4")
    zarr.create_array(tmp_path / "a", data=values, chunks=(20, 20), dimension_names=["y", "x"])
    document = tessera.json("pyramid", "a", "p", "--levels", 2, "--verify", schema="transfer")
    assert document["verified"] == document["arrays"] == 3 and document["different"] == []
    rounded = ["--filters", '[{"name": "bitround", "configuration": {"keepbits": 2}}]']
    document = tessera.json("pyramid", "a", "q", "--levels", 1, "--verify", *rounded, schema="transfer", status=4)
    assert document["verified"] == 2 and document["different"]


@pytest.fixture
def scene(tmp_path):
    """A group with an image of 40 x 60, attributes of its own, and a child beside."""
    group = zarr.create_group(tmp_path / "g", attributes={"title": "x", "ome": {"omero": {"id": 1}, "version": "0.4"}})
    group.create_array("image", data=np.arange(2400, dtype="u2").reshape(40, 60), chunks=(16, 16), dimension_names=["y", "x"])
    group.create_group("labels")
    return group


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_in_a_group_that_is_there(tessera, tmp_path, scene):
    before = contents(tmp_path / "g")
    assert "would make /1" in tessera.run("pyramid", "g/image", "g", "-n").out and contents(tmp_path / "g") == before
    result = tessera.json("pyramid", "g/image", "g", "--verify", schema="transfer")
    assert result["arrays"] == 3 and result["groups"] == 0
    check_specification(tmp_path / "g")
    image, levels = levels_of(tmp_path / "g")
    assert image["name"] == "image" and np.array_equal(levels[0][:], scene["image"][:])
    assert np.array_equal(levels[1][:], expected(levels[0][:], (2, 2), "mean"))
    attributes = dict(zarr.open_group(tmp_path / "g", mode="r").attrs)
    assert attributes["title"] == "x" and attributes["ome"]["omero"] == {"id": 1} and attributes["ome"]["version"] == "0.5"
    after = contents(tmp_path / "g")
    assert all(after[path] == data for path, data in before.items() if str(path) != "zarr.json")
    assert not list((tmp_path / "g").glob("__*"))
    assert "describes an image already" in tessera.error("pyramid", "g/image", "g", status=8)
    assert contents(tmp_path / "g") == after


def test_names_that_are_taken(tessera, tmp_path, scene):
    scene.create_group("2")
    before = contents(tmp_path / "g")
    assert 'has a child "2" already' in tessera.error("pyramid", "g/image", "g", status=8)
    assert contents(tmp_path / "g") == before
    # As many levels as there is room for.
    tessera.run("pyramid", "g/image", "g", "--levels", "1")
    assert sorted(zarr.open_group(tmp_path / "g", mode="r")) == ["0", "1", "2", "image", "labels"]


@pytest.mark.parametrize("ome", ["text", {"multiscales": []}])
def test_attributes_that_are_taken(tessera, tmp_path, scene, ome):
    scene.attrs["ome"] = ome
    before = contents(tmp_path / "g")
    assert "--remove ome" in tessera.error("pyramid", "g/image", "g", status=8)
    assert contents(tmp_path / "g") == before


def test_groups_that_are_not_entered(tessera, tmp_path, scene):
    zarr.create_group(tmp_path / "old", zarr_format=2)
    assert "Zarr v3" in tessera.error("pyramid", "g/image", "old", status=8)
    assert "exists already" in tessera.error("pyramid", "g/image", "g/image", status=8)
    before = contents(tmp_path / "g")
    assert "is inside, the destination" in tessera.error("pyramid", "g/image", "g", "--overwrite", status=2)
    # What cannot go well leaves nothing behind.
    zarr.create_array(tmp_path / "words", data=np.array([["a", "b"]], "U1"), dimension_names=["y", "x"])
    tessera.error("pyramid", "words", "g", status=None)
    tessera.error("pyramid", "g/image", "g", "--memory", "10", status=None)
    assert contents(tmp_path / "g") == before


def test_a_run_that_ended_early_in_a_group(tessera, tmp_path, scene):
    """The mark of the same command lets it go on; another command is refused."""
    arguments = ["pyramid", "g/image", "g"]
    killed = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "inject=renameat,renameat2:signal=KILL:when=6",
                             tessera.program, *arguments], cwd=tmp_path, capture_output=True)
    if not (tmp_path / "g" / "__tessera_unfinished").exists():
        pytest.skip("strace cannot inject here: " + killed.stderr.decode()[:200])
    assert "left unfinished" in tessera.error("pyramid", "g/image", "g", "--method", "max", status=8)
    tessera.run(*arguments)
    check_specification(tmp_path / "g")
    image, levels = levels_of(tmp_path / "g")
    assert len(levels) == 3 and np.array_equal(levels[1][:], expected(levels[0][:], (2, 2), "mean"))
    assert np.array_equal(zarr.open_array(tmp_path / "g" / "image", mode="r")[:], scene["image"][:])
    assert not list((tmp_path / "g").glob("__*"))
