#!/usr/bin/env python3
"""Makes image-*.picture: what imagecodecs 2026.3.6 makes of pictures of 20 rows by 31 pixels.

Sample k of the pixel in row y and column x is y + 2 x + 40 k, times 257 for 16 bits, times 65537 for 32 (as many
as OpenJPEG has room for), minus 100 of 8 bits with sign. imagecodecs is not among the packages of
tools/requirements.txt."""
import base64
import pathlib

import imagecodecs
import numpy as np

FOLDER = pathlib.Path(__file__).parent


def picture(samples, dtype="u1"):
    y, x, k = np.mgrid[0:20, 0:31, 0:samples]
    values = (y + 2 * x + 40 * k).astype("i8")
    scaled = {"u2": values * 257, "i2": values * 257 - 30000, "u4": values * 65537, "i1": values - 100}
    return np.squeeze(scaled.get(dtype, values)).astype(dtype)


def save(name, content):
    (FOLDER / f"image-{name}.picture").write_bytes(bytes(content))


for samples in 1, 2, 3, 4:
    save(f"png-{samples}", imagecodecs.png_encode(picture(samples)))
    save(f"png-{samples}-16", imagecodecs.png_encode(picture(samples, "u2")))
for samples in 3, 4:
    save(f"webp-{samples}", imagecodecs.webp_encode(picture(samples)))
save("webp-lossy-3", imagecodecs.webp_encode(picture(3), level=90, lossless=False))
for samples in 1, 3, 4:
    save(f"jpeg-{samples}", imagecodecs.jpeg_encode(picture(samples), level=95))


def without(content, kinds):
    """A JPEG picture without the segments of these kinds, and those segments."""
    kept, taken, at = content[:2], b"", 2
    while content[at + 1] != 0xDA:  # the scan comes last
        end = at + 2 + int.from_bytes(content[at + 2:at + 4], "big")
        if content[at + 1] in kinds:
            taken += content[at:end]
        else:
            kept += content[at:end]
        at = end
    return kept + content[at:], taken


# Abbreviated pictures, as in TIFF files; and scans alone, whose header stands elsewhere.
abbreviated, tables = without(imagecodecs.jpeg_encode(picture(3), level=95), (0xDB, 0xC4))
tables = b"\xff\xd8" + tables + b"\xff\xd9"
assert imagecodecs.jpeg8_decode(abbreviated, tables=tables).shape == (20, 31, 3)
save("jpeg-abbreviated-3", abbreviated)
save("jpeg-tables", base64.b64encode(tables))
whole = imagecodecs.jpeg_encode(picture(3), level=95)
scan = whole.index(b"\xff\xda")
scan += 2 + int.from_bytes(whole[scan + 2:scan + 4], "big")
save("jpeg-scan-3", whole[scan:-2])
save("jpeg-header", base64.b64encode(whole[:scan]))
save("jpeg-ycbcr-3", imagecodecs.jpeg8_encode(picture(3), level=95, colorspace="YCBCR", outcolorspace="YCBCR"))

for samples in 1, 2, 3, 4, 5:
    save(f"jpeg2k-{samples}", imagecodecs.jpeg2k_encode(picture(samples)))
for dtype in "i1", "i2", "u2", "u4":
    save(f"jpeg2k-1-{dtype}", imagecodecs.jpeg2k_encode(picture(1, dtype)))
save("jpeg2k-stream-3", imagecodecs.jpeg2k_encode(picture(3), codecformat="J2K"))
save("jpeg2k-lossy-3", imagecodecs.jpeg2k_encode(picture(3), level=60))
save("jpeg2k-bands-4", imagecodecs.jpeg2k_encode(np.ascontiguousarray(np.moveaxis(picture(4), -1, 0))))
