"""TIFF files as tifffile, imagecodecs and Pillow write them, value by value against what these read."""
import io
import json
import struct
import subprocess

import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr
from tessera_cli import TESSERA, run

SIZE = (37, 53)  # divided by no tile and no strip


def info(place):
    return json.loads(run("info", place, "--json"))


def values(place, *arguments):
    return np.load(io.BytesIO(run("cat", place, "--format", "npy", *arguments)))


def refusal(*arguments):
    done = subprocess.run([TESSERA, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode not in (0, 70) and done.returncode > 0, done
    return done.stderr


def random_array(dtype, shape, seed=0):
    """Values of every size, in runs so that they compress."""
    dtype = np.dtype(dtype)
    generator = np.random.default_rng(seed)
    if dtype == bool:
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True) // 3
    if dtype.kind == "c":
        return (generator.normal(size=shape) + 1j * generator.normal(size=shape)).astype(dtype)
    return generator.normal(size=shape).astype(dtype)


def check(place, expected, seed=1):
    """The whole, and a box that begins and ends inside blocks."""
    found = values(place)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)
    generator = np.random.default_rng(seed)
    box = [sorted(generator.choice(length + 1, 2, replace=False)) for length in expected.shape]
    select = ",".join(f"{a}:{b}" for a, b in box)
    picked = expected[tuple(slice(a, b) for a, b in box)]
    np.testing.assert_array_equal(values(place, "--select", select), picked)


TYPES = "u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8 c8 c16".split()
LAYOUTS = {
    "one strip": {},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 32)},
    "big": {"bigtiff": True, "rowsperstrip": 4},
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", TYPES)
def test_types(tmp_path, dtype, order):
    for number, (name, layout) in enumerate(LAYOUTS.items()):
        data = random_array(dtype, SIZE, number)
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, data, byteorder=order, **layout)
        check(path, data)
    assert info(path)["dimension_names"] == ["y", "x"]


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples(tmp_path, layout, separate):
    for samples, dtype, order in ((2, "u1", "<"), (3, "u2", ">"), (5, "u2", "<")):
        data = random_array(dtype, (samples, *SIZE) if separate else (*SIZE, samples), samples)
        path = tmp_path / f"{samples}.tif"
        tifffile.imwrite(path, data, byteorder=order, metadata=None,
                         photometric="rgb" if samples == 3 else "minisblack",
                         planarconfig="separate" if separate else "contig", **LAYOUTS[layout])
        check(path, data)
        axes = ["sample", "y", "x"] if separate else ["y", "x", "sample"]
        assert info(path)["dimension_names"] == axes


COMPRESSIONS = {
    "lzw": "u1 u2 i4 f4", "deflate": "u1 u2 i8 f8", "adobe_deflate": "u1 i2", "zstd": "u1 u2 f4",
    "lzma": "u1 i2 f8", "packbits": "u1 u2", "lerc": "u1 f4", "webp": "u1", "jpeg": "u1",
}
PREDICTED = ("lzw", "deflate", "zstd", "lzma")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressions(tmp_path, compression):
    """Blocks of each kind; lossy ones hold what tifffile decodes."""
    for dtype in COMPRESSIONS[compression].split():
        rgb = compression in ("webp", "jpeg")
        data = random_array(dtype, (*SIZE, 3) if rgb else SIZE)
        for number, layout in enumerate(({"rowsperstrip": 16}, {"tile": (16, 32)})):
            path = tmp_path / f"{dtype}{number}.tif"
            arguments = {"compressionargs": {"lossless": True}} if compression == "webp" else {}
            tifffile.imwrite(path, data, compression=compression, photometric="rgb" if rgb else "minisblack",
                             **layout, **arguments)
            expected = tifffile.imread(path)
            if compression == "jpeg":
                # Two libraries round differently.
                assert np.abs(values(path).astype(int) - expected.astype(int)).max() <= 2
            else:
                check(path, expected)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_jpeg_of_ycbcr(tmp_path, subsampling):
    """Colours come as RGB, with as many samples as brightness has."""
    y, x = np.indices(SIZE)
    data = np.stack([4 * y, 4 * x, 2 * (y + x)], axis=-1).astype("u1")
    tifffile.imwrite(tmp_path / "a.tif", data, compression="jpeg", photometric="ycbcr", subsampling=subsampling,
                     tile=(32, 32))
    found = values(tmp_path / "a.tif").astype(int)
    assert np.abs(found - tifffile.imread(tmp_path / "a.tif").astype(int)).max() <= 4
    assert json.loads(run("attr", tmp_path / "a.tif"))["PhotometricInterpretation"] == 2


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", PREDICTED)
def test_predictors(tmp_path, compression, order):
    for dtype in "u1 u2 i4 f4 f8 f2".split():
        for samples in (1, 3):
            data = random_array(dtype, SIZE if samples == 1 else (*SIZE, 3))
            path = tmp_path / f"{dtype}{samples}.tif"
            tifffile.imwrite(path, data, compression=compression, predictor=True, byteorder=order, tile=(16, 16),
                             photometric="minisblack" if samples == 1 else "rgb")
            check(path, data)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 14, 15])
def test_packed_bits(tmp_path, bits):
    """Samples of a few bits, with rows that end inside a byte."""
    for order in "<>":
        for samples in (1, 3):
            shape = SIZE if samples == 1 else (*SIZE, 3)
            dtype = "u1" if bits <= 8 else "u2"
            data = np.random.default_rng(bits).integers(0, 1 << bits, shape).astype(dtype)
            path = tmp_path / f"{samples}{'l' if order == '<' else 'b'}.tif"
            write_packed(path, data, bits, order)
            expected = data.astype(bool) if bits == 1 else data
            check(path, expected)
            if bits == 1 and samples == 1:
                np.testing.assert_array_equal(tifffile.imread(path), expected)


def write_packed(path, data, bits, order):
    """An uncompressed strip of packed samples, by the letter of TIFF 6.0."""
    height, width = data.shape[:2]
    samples = data.shape[2] if data.ndim == 3 else 1
    rows = data.reshape(height, width * samples).astype(np.uint32)
    shifted = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    strip = np.packbits(shifted.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples), (259, 3, [1]), (262, 3, [1]),
            (273, 4, None), (277, 3, [samples]), (278, 4, [height]), (279, 4, [len(strip)])]
    values_at = 8 + 2 + 12 * len(tags) + 4
    outside = b""
    entries = b""
    for tag, kind, numbers in tags:
        numbers = [values_at + 16] if numbers is None else numbers
        packed = struct.pack(order + ("H" if kind == 3 else "I") * len(numbers), *numbers)
        if len(packed) > 4:
            field = struct.pack(order + "I", values_at + len(outside))
            outside += packed
        else:
            field = packed.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, kind, len(numbers)) + field
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    path.write_bytes(head + struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
                     + outside.ljust(16, b"\0") + strip)


@pytest.mark.parametrize("compression", ["raw", "group3", "group4", "packbits", "tiff_lzw", "tiff_deflate"])
def test_pillow_bilevel(tmp_path, compression):
    data = random_array(bool, (45, 83))
    PIL.Image.fromarray(data).save(tmp_path / "a.tif", compression=None if compression == "raw" else compression)
    with PIL.Image.open(tmp_path / "a.tif") as image:
        expected = np.asarray(image)
    found = values(tmp_path / "a.tif")
    # Pillow turns what is written as white is 0 around; the elements are those of the file.
    white_is_zero = json.loads(run("attr", tmp_path / "a.tif"))["PhotometricInterpretation"] == 0
    np.testing.assert_array_equal(~found if white_is_zero else found, expected)


def test_palette(tmp_path):
    image = PIL.Image.fromarray(random_array("u1", SIZE)).convert("RGB").quantize(16)
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(values(tmp_path / "a.tif"), np.asarray(image))
    attributes = json.loads(run("attr", tmp_path / "a.tif"))
    assert attributes["PhotometricInterpretation"] == 3
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(attributes["ColorMap"], np.ravel(file.pages[0].tags["ColorMap"].value))


# ---- several pictures ----


def test_pages(tmp_path):
    data = random_array("u2", (7, *SIZE))
    tifffile.imwrite(tmp_path / "a.tif", data, compression="zlib", rowsperstrip=10)
    check(tmp_path / "a.tif", data)
    assert info(tmp_path / "a.tif")["dimension_names"] == ["page", "y", "x"]
    run("import", tmp_path / "a.tif", tmp_path / "a.zarr", "--chunks", "2,16,16", "--codec", "zstd:1")
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr")[...], data)


def test_pages_of_several_compressions(tmp_path):
    """Pages of one array may be stored in different ways."""
    data = random_array("u2", (4, *SIZE))
    ways = [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"compression": "lzw", "predictor": True}]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page, way in zip(data, ways):
            file.write(page, photometric="minisblack", metadata=None, **way)
    check(tmp_path / "a.tif", data)


def test_several_series(tmp_path):
    first, second = random_array("u1", (3, *SIZE)), random_array("f4", (20, 10))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(first, photometric="minisblack")
        file.write(second)
    assert run("ls", tmp_path / "a.tif").decode().split() == ["0", "1"]
    check(tmp_path / "a.tif" / "0", first)
    check(tmp_path / "a.tif" / "1", second)
    for path in ("2", "00", "0/0", "-1", "x", "1x"):
        assert "no such" in refusal("info", tmp_path / "a.tif" / path)
    run("import", tmp_path / "a.tif", tmp_path / "a.zarr")
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["1"][...], second)


@pytest.mark.parametrize("subifds", [True, False])
@pytest.mark.parametrize("pages", [1, 3])
def test_pyramid(tmp_path, pages, subifds):
    data = random_array("u1", (pages, 64, 96))
    data = data[0] if pages == 1 else data
    halves = [data[..., ::2, ::2], data[..., ::4, ::4]]
    options = {"photometric": "minisblack", "tile": (16, 16), "metadata": None}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(data, subifds=2 if subifds else 0, **options)
        for half in halves:
            file.write(half, subfiletype=1, **options)
    for number, expected in enumerate([data, *halves]):
        check(tmp_path / "a.tif" / str(number), expected)
    assert "a group" in refusal("cat", tmp_path / "a.tif")


@pytest.mark.parametrize("nodata", [None, "-99 ", "no number"])
def test_sparse(tmp_path, nodata):
    """Tiles that the file leaves out are what GDAL says stands for missing, or 0."""
    data = random_array("i2", (32, 32))
    tags = [(42113, "s", 0, nodata, True)] if nodata else []
    tifffile.imwrite(tmp_path / "a.tif", data, tile=(16, 16), compression="zlib", extratags=tags, metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        for name in ("TileOffsets", "TileByteCounts"):
            tag = file.pages[0].tags[name]
            width = {3: 2, 4: 4}[tag.dtype]
            content[tag.valueoffset + width:tag.valueoffset + 2 * width] = bytes(width)
    (tmp_path / "a.tif").write_bytes(content)
    data[:16, 16:] = -99 if nodata == "-99 " else 0
    check(tmp_path / "a.tif", data)


def test_attributes(tmp_path):
    keys = (1, 1, 0, 1, 1024, 0, 1, 2)
    tifffile.imwrite(
        tmp_path / "a.tif", random_array("u1", SIZE), description="Grüße".encode(), resolution=(72.5, 100),
        resolutionunit="inch", software="tests", datetime="2026:01:02 03:04:05", metadata=None,
        extratags=[(34735, "H", len(keys), keys, True), (33550, "d", 3, (0.5, 0.25, 0.0), True),
                   (65000, "I", 1, 7, True), (65001, "B", 3, b"\1\2\3", True)])
    attributes = json.loads(run("attr", tmp_path / "a.tif"))
    assert attributes["ImageDescription"] == "Grüße"
    assert attributes["XResolution"] == 72.5 and attributes["YResolution"] == 100 and attributes["ResolutionUnit"] == 2
    assert attributes["Software"] == "tests" and attributes["DateTime"] == "2026:01:02 03:04:05"
    assert attributes["GeoKeyDirectoryTag"] == list(keys) and attributes["ModelPixelScaleTag"] == [0.5, 0.25, 0.0]
    assert attributes["Tag65000"] == 7 and attributes["Tag65001"] == [1, 2, 3]
    assert not {"ImageWidth", "StripOffsets", "Tag256", "Tag273"} & set(attributes)


# ---- what is refused ----


def refused(tmp_path, tag, value, code="H"):
    """A file whose entry of a tag was changed."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, random_array("i1", SIZE), metadata=None)
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].tags[tag].offset + 8
    data = bytearray(path.read_bytes())
    struct.pack_into("<" + code, data, offset, value)
    path.write_bytes(data)
    return refusal("cat", path)


def test_refused(tmp_path):
    assert "signed integers of 24 bits" in refused(tmp_path, 258, 24)
    assert "compression 6" in refused(tmp_path, 259, 6)
    assert "compression 4711" in refused(tmp_path, 259, 4711)
    assert "complex integers" in refused(tmp_path, 339, 5)
    assert "floats of 8 bits" in refused(tmp_path, 339, 3)
    assert "logarithms" in refused(tmp_path, 262, 32845)
    assert "0 x 37 pixels" in refused(tmp_path, 256, 0)


def test_cut_off(tmp_path):
    """However short a file is, it is refused or what is read is right."""
    data = random_array("u2", SIZE)
    for number, options in enumerate([{}, {"compression": "zlib"}, {"tile": (16, 16), "compression": "lzw"}]):
        tifffile.imwrite(tmp_path / "whole.tif", data, metadata=None, **options)
        whole = (tmp_path / "whole.tif").read_bytes()
        for length in range(8, len(whole) - 1, len(whole) // 15):
            (tmp_path / "a.tif").write_bytes(whole[:length])
            done = subprocess.run([TESSERA, "cat", tmp_path / "a.tif", "--format", "raw"], capture_output=True)
            assert done.returncode in range(1, 64) and b"a.tif" in done.stderr, (number, length, done.stderr)


def test_circle(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random_array("u1", (3, *SIZE)), metadata=None, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offsets = [page.offset for page in file.pages]
        tags = len(file.pages[2].tags)
    for target in offsets:
        data = bytearray((tmp_path / "a.tif").read_bytes())
        struct.pack_into("<I", data, offsets[2] + 2 + 12 * tags, target)
        (tmp_path / "b.tif").write_bytes(data)
        assert "circle" in refusal("info", tmp_path / "b.tif")
