"""PNG, JPEG and WebP files, pixel by pixel against what Pillow and imagecodecs make of them."""
import io
import json
import subprocess
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import zarr
from tessera_cli import TESSERA, run


def values(place, *arguments):
    return np.load(io.BytesIO(run("cat", place, "--format", "npy", *arguments)))


def picture(shape, dtype="u1"):
    """Smooth, so that lossy formats have little to lose, with an edge in it."""
    y, x = np.indices(shape[:2])
    levels = (y * 3 + x * 2) % 200 + 40 * (x > shape[1] // 2)
    if len(shape) == 3:
        levels = np.stack([(levels + 17 * n) % 256 for n in range(shape[2])], axis=-1)
    return (levels * (257 if dtype == "u2" else 1)).astype(dtype)


def check(path, expected):
    found = values(path)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values(path, "--select", "3:9,5:2:-1"), expected[3:9, 5:2:-1])
    described = json.loads(run("info", path, "--json"))
    assert described["dimension_names"] == ["y", "x", "sample"][:expected.ndim]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("samples", [None, 2, 3, 4])
def test_png(tmp_path, samples, dtype):
    data = picture((19, 23, samples) if samples else (19, 23), dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    check(tmp_path / "a.png", data)
    run("import", tmp_path / "a.png", tmp_path / "a.zarr", "--chunks", "8,8" + (f",{samples}" if samples else ""))
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr")[...], data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("transparent", [False, True])
def test_png_of_pillow(tmp_path, mode, transparent):
    """Palettes, fewer bits, and a colour that is transparent, with other chunks in front of it."""
    if transparent and mode in ("LA", "RGBA", "1", "I;16"):
        pytest.skip("has no transparent colour, or Pillow writes none")
    levels = picture((19, 23), "u2" if mode == "I;16" else "u1")
    image = PIL.Image.fromarray(levels)
    image = image if mode == "I;16" else image.convert(mode) if mode != "P" else image.convert("RGB").quantize(5)
    extra = {"transparency": (10, 10, 10) if mode == "RGB" else 2} if transparent else {}
    image.save(tmp_path / "a.png", dpi=(72, 72), **extra)
    check(tmp_path / "a.png", imagecodecs.png_decode((tmp_path / "a.png").read_bytes()))
    assert values(tmp_path / "a.png").ndim == (3 if transparent or mode not in ("1", "L", "I;16") else 2)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30, "subsampling": "4:2:0"}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path, mode, options):
    PIL.Image.fromarray(picture((19, 23, 3))).convert(mode).save(
        tmp_path / "a.jpg", exif=b"Exif\0\0" + bytes(300), comment=b"x" * 70, **options)
    with PIL.Image.open(tmp_path / "a.jpg") as image:
        expected = np.asarray(image)
    # Pillow turns CMYK around, as Adobe's programs write it.
    check(tmp_path / "a.jpg", 255 - expected if mode == "CMYK" else expected)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp(tmp_path, mode, lossless):
    data = picture((19, 23, len(mode)))
    PIL.Image.fromarray(data).save(tmp_path / "a.webp", lossless=lossless, exact=True)
    with PIL.Image.open(tmp_path / "a.webp") as image:
        check(tmp_path / "a.webp", np.asarray(image))
    if lossless:
        check(tmp_path / "a.webp", data)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (1, 1, 3), (7, 1, 4)])
def test_one_row_or_column(tmp_path, shape):
    data = picture(shape)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    np.testing.assert_array_equal(values(tmp_path / "a.png"), data)


def refusal(path):
    done = subprocess.run([TESSERA, "cat", path, "--format", "raw"], capture_output=True, text=True, errors="replace")
    assert 0 < done.returncode < 64 and path.name in done.stderr, done
    return done.stderr


@pytest.mark.parametrize("name", ["png", "jpg", "webp"])
def test_cut_off(tmp_path, name):
    PIL.Image.fromarray(picture((40, 40, 3))).save(tmp_path / f"whole.{name}")
    whole = (tmp_path / f"whole.{name}").read_bytes()
    for length in [16, 20, 30, 64, len(whole) // 2, len(whole) - 20]:
        (tmp_path / f"a.{name}").write_bytes(whole[:length])
        refusal(tmp_path / f"a.{name}")


def test_refused(tmp_path):
    frames = [PIL.Image.fromarray(picture((9, 9, 3))), PIL.Image.fromarray(picture((9, 9, 3))[::-1])]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    assert "animation" in refusal(tmp_path / "a.webp")
    twelve = imagecodecs.jpeg8_encode(picture((16, 16)))
    at = twelve.index(b"\xff\xc0")
    for marker, bits, words in ((0xc0, 12, "12 bits"), (0xc3, 8, "lossless")):
        changed = bytearray(twelve)
        changed[at + 1], changed[at + 4] = marker, bits
        (tmp_path / "a.jpg").write_bytes(changed)
        assert words in refusal(tmp_path / "a.jpg")
    # A header that tells of more than a chunk may have, in front of nothing.
    header = b"IHDR" + (1 << 20).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0d" + header
                                     + zlib.crc32(header).to_bytes(4, "big") + b"\0\0\0\0IEND\xaeB`\x82")
    assert "limit" in refusal(tmp_path / "a.png") or "larger" in refusal(tmp_path / "a.png")
