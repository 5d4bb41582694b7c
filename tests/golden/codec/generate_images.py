#!/usr/bin/env python3
"""Makes image-*.picture: what imagecodecs 2026.3.6 makes of pictures of 20 rows by 31 pixels.

Sample k of the pixel in row y and column x is y + 2 x + 40 k, times 257 for 16 bits. imagecodecs is not
among the packages of tools/requirements.txt."""
import pathlib

import imagecodecs
import numpy as np

FOLDER = pathlib.Path(__file__).parent


def picture(samples, dtype="u1"):
    y, x, k = np.mgrid[0:20, 0:31, 0:samples]
    values = (y + 2 * x + 40 * k).astype(dtype)
    return np.squeeze(values * 257 if dtype == "u2" else values)


def save(name, content):
    (FOLDER / f"image-{name}.picture").write_bytes(bytes(content))


for samples in 1, 2, 3, 4:
    save(f"png-{samples}", imagecodecs.png_encode(picture(samples)))
    save(f"png-{samples}-16", imagecodecs.png_encode(picture(samples, "u2")))
for samples in 3, 4:
    save(f"webp-{samples}", imagecodecs.webp_encode(picture(samples)))
save("webp-lossy-3", imagecodecs.webp_encode(picture(3), level=90))
for samples in 1, 3, 4:
    save(f"jpeg-{samples}", imagecodecs.jpeg_encode(picture(samples), level=95))
