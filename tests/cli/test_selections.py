"""Lists, masks and points on the command line, against NumPy. What each kind of selection means is
proved in tests/interop/test_selections.py; here is what commands make of them."""

import io
import json

import numpy as np
import pytest
import zarr


@pytest.fixture
def cube(tmp_path):
    """12 x 9 x 10 int32 in shards, with names of dimensions."""
    values = np.arange(12 * 9 * 10, dtype="int32").reshape(12, 9, 10)
    zarr.create_array(tmp_path / "c.zarr", shape=values.shape, dtype="int32", shards=(6, 6, 10), chunks=(2, 3, 5),
                      dimension_names=["time", "lat", "lon"])[...] = values
    return values


def load(result):
    return np.load(io.BytesIO(result.stdout))


@pytest.mark.parametrize("text, orthogonal, selection", [
    ("::-2, [3,7,8], ...", False, np.s_[::-2, [3, 7, 8], ...]),
    ("[3, -1], [0, 5]", False, np.s_[[3, -1], [0, 5]]),
    ("[3, -1], [0, 5, 5]", True, np.s_[np.ix_([3, -1], [0, 5, 5])]),
    ("[1,2], :, 4", False, np.s_[[1, 2], :, 4]),
    ("None, 3, ..., None", False, np.s_[None, 3, ..., None]),
    ("[True" + ",False" * 10 + ",True], 0", False, np.s_[[0, 11], 0]),
    ("[]", False, np.s_[[]]),
    ("[2,2,2], 0, 0", False, np.s_[[2, 2, 2], 0, 0]),
])
def test_lists(tessera, cube, text, orthogonal, selection):
    expected = cube[selection]
    mode = ["--orthogonal"] if orthogonal else []
    for arguments in (["c.zarr", "--select", text], [f"c.zarr[{text}]"]):
        got = load(tessera.run("cat", *arguments, *mode, "--format", "npy"))
        assert got.shape == expected.shape and np.array_equal(got, expected)


def test_lists_and_masks_from_files(tessera, cube, tmp_path):
    pick = np.array([[11, 0], [3, 3]])
    mask = cube[:, :, 0] % 7 == 0
    np.save(tmp_path / "pick.npy", pick)
    np.save(tmp_path / "mask.npy", mask)
    zarr.create_array(tmp_path / "few.zarr", data=np.array([8, 1], "uint8"))
    for text, expected in [("@pick.npy", cube[pick]), ("@mask.npy, 2:4", cube[mask, 2:4]),
                           ("0, @few.zarr", cube[0, [8, 1]]), ("@pick.npy, [[", None)]:
        if expected is None:
            assert "character 13" in tessera.error("cat", "c.zarr", "--select", text, status=2)
        else:
            got = load(tessera.run("cat", f"c.zarr[{text}]", "--format", "npy"))
            assert got.shape == expected.shape and np.array_equal(got, expected)
    assert "nowhere.npy" in tessera.error("cat", "c.zarr[@nowhere.npy]", status=3)
    np.save(tmp_path / "real.npy", np.zeros(3))
    assert "integers" in tessera.error("cat", "c.zarr[@real.npy]", status=2)


def test_points(tessera, cube, tmp_path):
    points = np.array([[0, 0, 0], [11, 8, 9], [-1, 3, -2], [0, 0, 0]])
    np.save(tmp_path / "p.npy", points)
    np.save(tmp_path / "columns.npy", np.asfortranarray(points[:, :2].astype("int16")))
    assert load(tessera.run("cat", "c.zarr", "--points", "p.npy", "--format", "npy")).tolist() == \
        cube[tuple(points.T)].tolist()
    got = load(tessera.run("cat", "c.zarr", "--points", "columns.npy", "--format", "npy"))
    assert np.array_equal(got, cube[points[:, 0], points[:, 1]])
    np.save(tmp_path / "wrong.npy", np.zeros((2, 4), int))
    assert "columns" in tessera.error("cat", "c.zarr", "--points", "wrong.npy", status=2)
    np.save(tmp_path / "far.npy", [[0, 9, 0]])
    assert "axis 1" in tessera.error("cat", "c.zarr", "--points", "far.npy", status=2)
    assert "one way" in tessera.error("cat", "c.zarr[0]", "--points", "p.npy", status=2)


def test_isel_takes_lists_each_for_itself(tessera, cube):
    expected = cube[1:3][:, [8, 0]][:, :, [9, 9, 1]]
    for arguments in (["--isel", "lat=[8, 0],lon=[9,9,1],time=1:3"],
                      ["--isel", "lon=[9,9,1]", "--isel", "time=1:3,lat=[8,0]"]):
        got = load(tessera.run("cat", "c.zarr", *arguments, "--format", "npy"))
        assert np.array_equal(got, expected)
    message = tessera.error("cat", "c.zarr", "--isel", "lat=[8, 0],lo=[1]", status=2)
    assert "did you mean lon?" in message
    assert "NAME=RANGE" in tessera.error("cat", "c.zarr", "--isel", "lat=1,[3]", status=2)


def test_parts_of_a_list_follow_each_other(tessera, cube, tmp_path):
    """With memory for a few elements at a time."""
    rows = np.random.default_rng(1).integers(0, 12, 50)
    np.save(tmp_path / "rows.npy", rows)
    got = load(tessera.run("cat", "c.zarr[@rows.npy, ::3]", "--format", "npy", "--memory", "100B"))
    assert np.array_equal(got, cube[rows, ::3])


def test_stats_and_diff_and_draw_take_lists(tessera, cube, tmp_path):
    rows = [0, 5, 5, 11]
    values = cube[rows, :, 3]
    figures = tessera.json("stats", f"c.zarr[{rows}, :, 3]", schema="stats")
    assert figures["count"] == values.size and figures["mean"] == pytest.approx(values.mean(), rel=1e-15)
    assert figures["min"] == values.min() and figures["max"] == values.max()
    assert sum(figures["histogram"]["counts"]) == values.size
    zarr.create_array(tmp_path / "d.zarr", data=cube + (np.arange(12) == 4)[:, None, None])
    assert tessera.run("diff", "c.zarr", "d.zarr", "--select", "[0, 5, 11]").status == 0
    tessera.run("diff", "c.zarr", "d.zarr", "--select", "[0, 4, 11]", status=1)
    tessera.run("draw", f"c.zarr[{rows}, :, 3]", "-o", "list.png")
    zarr.create_array(tmp_path / "same.zarr", data=values)
    tessera.run("draw", "same.zarr", "-o", "same.png")
    assert (tmp_path / "list.png").stat().st_size > 100
    tessera.run("draw", "c.zarr[[3], :, [0, 2]]", "-o", "plane.png")


def test_put_through_lists(tessera, cube, tmp_path):
    """The last of several elements for one place stays, also where memory allows little at a time."""
    rows, columns = np.array([3, 0, 3, 11]), np.array([[2], [8], [2]])
    new = -1 - np.arange(3 * 4 * 10, dtype="int32").reshape(3, 4, 10)
    expected = cube.copy()
    expected[rows, columns] = new
    np.save(tmp_path / "new.npy", new)
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "columns.npy", columns)
    for memory in ("1GiB", "64B"):
        zarr.open_array(tmp_path / "c.zarr")[...] = cube
        tessera.run("put", "new.npy", "c.zarr[@rows.npy, @columns.npy]", "--memory", memory)
        assert np.array_equal(zarr.open_array(tmp_path / "c.zarr")[...], expected)
    zarr.open_array(tmp_path / "c.zarr")[...] = cube
    np.save(tmp_path / "p.npy", np.argwhere(cube % 11 == 0))
    tessera.run("put", "-", "c.zarr", "--points", "p.npy",
                input=np.zeros(np.count_nonzero(cube % 11 == 0), "<i4").tobytes())
    assert np.array_equal(zarr.open_array(tmp_path / "c.zarr")[...], np.where(cube % 11, cube, 0))


def test_json_of_a_list_nests(tessera, cube):
    out = tessera.run("cat", "c.zarr[[1,0], 2, [[3]]".replace("[[3]]", "[3, 4]") + "]", "--format", "json").out
    assert json.loads(out) == cube[[1, 0], 2, [3, 4]].tolist()
