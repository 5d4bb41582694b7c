"""draw: pictures, read back by Pillow."""

import os

import numpy as np
import pytest
import zarr
from PIL import Image

# Ends and middle of the maps, from their publications; within a rounding of the anchors.
KNOWN = {
    "viridis": [(68, 1, 84), (33, 145, 140), (253, 231, 37)],
    "cividis": [(0, 34, 78), (124, 123, 120), (254, 232, 56)],
    "gray": [(0, 0, 0), (128, 128, 128), (255, 255, 255)],
}


def draw(tessera, tmp_path, values, *options, **array):
    zarr.create_array(tmp_path / "a", data=values, **array)
    tessera.run("draw", "a", "-o", "p.png", *options)
    picture = Image.open(tmp_path / "p.png")
    assert picture.format == "PNG" and picture.mode == "RGB"
    return np.asarray(picture)


def plane(picture, height, width):
    """Cuts the plane out: the first black frame of the right size."""
    black = (picture == 0).all(axis=2)
    for y in range(picture.shape[0] - height - 1):
        for x in np.flatnonzero(black[y, :picture.shape[1] - width - 1]):
            if (black[y, x:x + width + 2].all() and black[y + height + 1, x:x + width + 2].all()
                    and black[y:y + height + 2, x].all() and black[y:y + height + 2, x + width + 1].all()):
                return picture[y + 1:y + height + 1, x + 1:x + width + 1]
    raise AssertionError("no frame")


@pytest.mark.parametrize("name", KNOWN)
def test_known_colours(tessera, tmp_path, name):
    values = np.array([[0.0, 50.0, 100.0]])
    picture = draw(tessera, tmp_path, values, "--colormap", name, "--range", "0,100", "--size", "300")
    got = plane(picture, 100, 300)
    for x, expected in zip((50, 150, 250), KNOWN[name]):
        assert np.abs(got[50, x].astype(int) - expected).max() <= 2


def luminance(colours):
    """Relative luminance of sRGB colours (WCAG's formula)."""
    c = np.asarray(colours) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


# Linear-RGB matrices of Machado, Oliveira, Fernandes 2009, severity 1.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}


def as_seen(colours, kind):
    c = np.asarray(colours) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.clip(linear @ BLINDNESS[kind].T, 0, 1) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("kind", BLINDNESS)
@pytest.mark.parametrize("name", ["viridis", "cividis", "gray", "terrain"])
def test_maps_can_be_read_with_colour_blind_eyes(tessera, tmp_path, name, kind):
    """Lightness alone gives the order of the values, for terrain on each side of the coast, and the coast is a step."""
    values = np.linspace(-100, 100, 201)[None, :].repeat(3, axis=0)
    picture = draw(tessera, tmp_path, values, "--colormap", name, "--range=-100,100", "--size", "201")
    seen = as_seen(plane(picture, 3, 201)[1], kind)
    halves = [seen[:100], seen[100:]] if name == "terrain" else [seen]
    for half in halves:
        assert (np.diff(half) >= -0.004).all() and half[-1] - half[0] > 0.3
    if name == "terrain":
        assert abs(seen[101] - seen[99]) > 0.3


def test_mean_of_blocks(tessera, tmp_path):
    values = np.arange(64, dtype="float64").reshape(8, 8)
    picture = draw(tessera, tmp_path, values, "--size", "4", "--colormap", "gray", "--range", "0,63",
                   chunks=(3, 5))
    expected = values.reshape(4, 2, 4, 2).mean(axis=(1, 3)) / 63 * 255
    got = plane(picture, 4, 4)[..., 0]
    assert np.abs(got - expected).max() <= 1


def test_stride_picks_elements(tessera, tmp_path):
    values = np.arange(64, dtype="float64").reshape(8, 8)
    picture = draw(tessera, tmp_path, values, "--size", "4", "--colormap", "gray", "--range", "0,63",
                   "--downsample", "stride", chunks=(3, 5))
    assert np.abs(plane(picture, 4, 4)[..., 0] - values[::2, ::2] / 63 * 255).max() <= 1


def test_small_planes_are_enlarged(tessera, tmp_path):
    values = np.array([[0, 255], [255, 0]], dtype="u1")
    picture = draw(tessera, tmp_path, values, "--colormap", "gray", "--stretch", "0,100")
    got = plane(picture, 600, 600)[..., 0]
    assert (got[:300, :300] == 0).all() and (got[:300, 300:] == 255).all() and (got[300:, :300] == 255).all()


@pytest.mark.parametrize("latitudes, flipped", [([-60, 0, 60], True), ([60, 0, -60], False)])
def test_north_is_up(tessera, tmp_path, latitudes, flipped):
    group = zarr.create_group(tmp_path / "g")
    group.create_array("lat", data=np.array(latitudes, dtype="float64"), dimension_names=["lat"])
    values = np.array([[0.0], [1.0], [2.0]])
    group.create_array("v", data=values, dimension_names=["lat", "lon"])
    for options, expected in (([], flipped), (["--orient", "image"], False)):
        tessera.run("draw", "g/v", "-o", "p.png", "--overwrite", "--colormap", "gray", "--range", "0,2",
                    "--size", "30", *options)
        column = plane(np.asarray(Image.open(tmp_path / "p.png")), 30, 10)[::10, 5, 0]
        assert column.tolist() == ([255, 128, 0] if expected else [0, 128, 255])


def test_depth_grows_downwards(tessera, tmp_path):
    group = zarr.create_group(tmp_path / "g")
    group.create_array("z", data=np.array([0.0, 10.0]), dimension_names=["z"], attributes={"positive": "down"})
    group.create_array("v", data=np.array([[0.0], [1.0]]), dimension_names=["z", None])
    tessera.run("draw", "g/v", "-o", "p.png", "--colormap", "gray", "--range", "0,1", "--size", "20")
    assert plane(np.asarray(Image.open(tmp_path / "p.png")), 20, 10)[::10, 5, 0].tolist() == [0, 255]


def test_missing_is_gray_and_nan_only_is_drawn(tessera, tmp_path):
    values = np.array([[0.0, np.nan], [-1e34, 1.0]])
    picture = draw(tessera, tmp_path, values, "--colormap", "viridis", "--range", "0,1", "--size", "20",
                   attributes={"missing_value": -1e34})
    got = plane(picture, 20, 20)
    assert got[5, 15].tolist() == got[15, 5].tolist() == [200, 200, 200]
    zarr.create_array(tmp_path / "nan", data=np.full((4, 4), np.nan))
    tessera.run("draw", "nan", "-o", "nan.png")
    assert (plane(np.asarray(Image.open(tmp_path / "nan.png")), 600, 600) == 200).all()


def test_stretch_ignores_outliers(tessera, tmp_path):
    values = np.linspace(0, 1, 10_000).reshape(100, 100)
    values[0, 0] = 1e9
    picture = draw(tessera, tmp_path, values, "--colormap", "gray")
    got = plane(picture, 600, 600)[..., 0]
    assert 100 < got[300, 300] < 156


def test_planes_of_more_axes(tessera, tmp_path):
    values = np.arange(2 * 3 * 4, dtype="u1").reshape(2, 3, 4)
    zarr.create_array(tmp_path / "a", data=values, dimension_names=["t", "y", "x"])
    assert "--isel t=0" in tessera.error("draw", "a", "-o", "p.png", status=2)
    assert not (tmp_path / "p.png").exists()
    tessera.run("draw", "a", "-o", "p.png", "--isel", "t=1")
    tessera.run("draw", "a[1:2]", "-o", "q.png")
    assert (tmp_path / "p.png").read_bytes() == (tmp_path / "q.png").read_bytes()


def test_pictures_do_not_depend_on_threads(tessera, tmp_path):
    values = np.random.default_rng(1).standard_normal((300, 500)).astype("float32")
    zarr.create_array(tmp_path / "a", data=values, chunks=(17, 23))
    for n in (1, 2, 5):
        tessera.run("draw", "a", "-o", f"{n}.png", "--size", "100", "--threads", n)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes() == (tmp_path / "5.png").read_bytes()


def test_huge_planes(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "h", shape=(2**40, 2**40), chunks=(2**10, 2**10), dtype="u1", fill_value=9)
    array[:5, :5] = 200
    tessera.run("draw", "h", "-o", "p.png", "--colormap", "gray", "--range", "0,255", "--size", "64")
    got = plane(np.asarray(Image.open(tmp_path / "p.png")), 64, 64)[..., 0]
    assert got[0, 0] == 200 and (got[1:] == 9).all()


def keep(tessera, tmp_path, values, *layout):
    tessera.run("create", "a", "--shape", ",".join(map(str, values.shape)), "--dtype", values.dtype.name,
                "--statistics", *layout)
    np.save(tmp_path / "v.npy", values)
    tessera.run("put", "v.npy", "a")


def damage(folder, *names):
    """Takes the bytes of chunks away (of all, or of these), but leaves each file as it looks from outside."""
    for file in folder.rglob("*"):
        key = file.relative_to(folder).as_posix()
        if file.is_file() and key.startswith("c/") and (not names or key in names):
            status = file.stat()
            with open(file, "r+b") as opened:
                opened.write(b"\xee" * status.st_size)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def drawn(tessera, tmp_path, place, size, *options):
    """The pixels of a square picture, from 0 for 0 to 255 for 1."""
    tessera.run("draw", place, "-o", "p.png", "--overwrite", "--size", size, "--colormap", "gray", "--range", "0,1",
                *options)
    return plane(np.asarray(Image.open(tmp_path / "p.png")), size, size)[..., 0].astype(int)


@pytest.mark.parametrize("layout", [("--chunks", "8,8"), ("--chunks", "4,8", "--shards", "16,32")])
def test_kept_means_are_drawn_without_a_chunk(tessera, tmp_path, layout):
    values = np.random.default_rng(4).random((64, 64))
    values[:8, :8] = np.nan
    values[20:30, 40:50] = np.nan
    keep(tessera, tmp_path, values, *layout)
    damage(tmp_path / "a")
    gray = np.isnan(values.reshape(8, 8, 8, 8)).all(axis=(1, 3))
    expected = np.where(gray, 200, np.nanmean(np.where(np.isnan(values).reshape(8, 8, 8, 8) & gray[:, None, :, None],
                                                       0, values.reshape(8, 8, 8, 8)), axis=(1, 3)) * 255)
    assert np.abs(drawn(tessera, tmp_path, "a", 8) - expected).max() <= 1
    assert np.abs(drawn(tessera, tmp_path, "a[::-1]", 8) - expected[::-1]).max() <= 1
    assert np.abs(drawn(tessera, tmp_path, "a[32:, 63:31:-1]", 4) - expected[4:, :3:-1]).max() <= 1
    # Pixels that are smaller than a chunk, and everybody who asks for it, read.
    for options in [("a", 32), ("a", 8, "--downsample", "mean"), ("a", 8, "--downsample", "stride")]:
        with pytest.raises(AssertionError):
            drawn(tessera, tmp_path, *options)


def test_chunks_across_pixels_and_planes_of_more_axes(tessera, tmp_path):
    """Chunks of 5 x 5 of one value each: a pixel of about 20 x 20 / 3 is the mean of its area exactly."""
    cells = np.random.default_rng(8).random((4, 4))
    values = np.kron(cells, np.ones((5, 5)))
    keep(tessera, tmp_path, np.stack([values * 0, values, values]), "--chunks", "1,5,5")
    damage(tmp_path / "a")
    for place, data in [("a[1]", values), ("a[2, :, ::-1]", values[:, ::-1])]:
        edges = [0, 7, 14, 20]
        expected = [[data[a:b, c:d].mean() * 255 for c, d in zip(edges, edges[1:])] for a, b in zip(edges, edges[1:])]
        assert np.abs(drawn(tessera, tmp_path, place, 3) - expected).max() <= 1


def test_what_is_not_known_is_read(tessera, tmp_path):
    values = np.random.default_rng(4).random((96, 96))
    keep(tessera, tmp_path, values, "--chunks", "8,8")
    damage(tmp_path / "a", *(f"c/{i}/{j}" for i in range(12) for j in range(12) if (i, j) not in [(0, 0), (5, 7)]))
    array = zarr.open_array(tmp_path / "a", mode="r+")
    array[0:8, 0:8] = values[0:8, 0:8] = 0.25
    array[40:48, 56:64] = values[40:48, 56:64] = np.linspace(0, 1, 64).reshape(8, 8)
    for place, data in [("a", values), ("a[::-1, ::-1]", values[::-1, ::-1])]:
        expected = data.reshape(6, 16, 6, 16).mean(axis=(1, 3)) * 255
        assert np.abs(drawn(tessera, tmp_path, place, 6) - expected).max() <= 1


def test_nothing_is_overwritten_unasked(tessera, tmp_path, counting):
    (tmp_path / "p.png").write_text("mine")
    assert "--overwrite" in tessera.error("draw", "a.zarr", "-o", "p.png", status=8)
    assert (tmp_path / "p.png").read_text() == "mine"
    tessera.run("draw", "a.zarr", "-o", "p.png", "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "p.png"]


def test_to_standard_output(tessera, counting):
    assert tessera.run("draw", "a.zarr", "-o", "-").stdout.startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [
    [], ["-o", "p.png", "--size", "0"], ["-o", "p.png", "--size", "1x"], ["-o", "p.png", "--range", "1"],
    ["-o", "p.png", "--range", "2,1"], ["-o", "p.png", "--stretch", "98,2"],
    ["-o", "p.png", "--stretch", "0,101"], ["-o", "p.png", "--range", "0,1", "--stretch", "2,98"],
    ["-o", "p.png", "--colormap", "jet"], ["-o", "p.png", "--select", "0"],
])
def test_usage_errors(tessera, counting, tmp_path, options):
    tessera.error("draw", "a.zarr", *options, status=2)
    assert not (tmp_path / "p.png").exists()
