"""codecs: the list, and the trial on an array's own bytes."""

import zlib

import numpy as np
import pytest
import zarr
from PIL import Image


def test_the_list(tessera):
    rows = {row["name"]: row for row in tessera.json("codecs", schema="codecs")}
    for name, kind in (("bytes", "array to bytes"), ("transpose", "array to array"), ("zstd", "bytes to bytes"),
                       ("blosc", "bytes to bytes"), ("gzip", "bytes to bytes"), ("crc32c", "bytes to bytes")):
        assert rows[name]["kind"] == kind
    text = tessera.run("codecs").out
    assert all(name in text for name in rows)


def test_every_compressor_is_tried(tessera, tmp_path):
    values = (np.sin(np.arange(200 * 300) / 50) * 1000).astype("i4").reshape(200, 300)
    zarr.create_array(tmp_path / "a", data=values, chunks=(50, 60))
    report = tessera.json("codecs", "--try", "a", schema="codecs-try")
    listed = {row["name"] for row in tessera.json("codecs", schema="codecs") if row["kind"] == "bytes to bytes"}
    tried = {row["codec"] for row in report["codecs"]}
    assert all(any(codec.startswith(name.split(".")[-1]) or codec == name for codec in tried) for name in listed)
    assert report["sample_bytes"] == values.nbytes and report["sample_chunks"] == 20
    rows = {row["codec"]: row for row in report["codecs"]}
    assert all(row["problem"] is None for row in rows.values())
    # A ratio that can be had elsewhere: zlib over the same chunks, and checksums of 4 bytes each.
    chunks = [values[y:y + 50, x:x + 60].tobytes() for y in range(0, 200, 50) for x in range(0, 300, 60)]
    assert rows["crc32c"]["encoded_bytes"] == values.nbytes + 4 * len(chunks)
    zlib_bytes = sum(len(zlib.compress(chunk, 6)) for chunk in chunks)
    assert rows["gzip:6"]["encoded_bytes"] == pytest.approx(zlib_bytes, rel=0.15)
    assert "zstd:3" in tessera.run("codecs", "--try", "a").out
    more = tessera.json("codecs", "--try", "a", "--levels", "--sample", "12000", schema="codecs-try")
    assert len(more["codecs"]) > len(rows) and more["sample_chunks"] == 1


def test_the_plot(tessera, tmp_path, counting):
    tessera.run("codecs", "--try", "a.zarr", "-o", "p.png")
    picture = Image.open(tmp_path / "p.png")
    assert picture.mode == "RGB" and picture.width > 800 and picture.height > 200
    colours = {colour for _, colour in picture.getcolors(1000)}
    assert len(colours) == 6 and (255, 255, 255) in colours
    tessera.error("codecs", "--try", "a.zarr", "-o", "p.png", status=8)
    tessera.run("codecs", "--try", "a.zarr", "-o", "p.png", "--overwrite")


@pytest.mark.parametrize("dtype", ["bool", "u1", "f2", "c16"])
def test_types(tessera, tmp_path, dtype):
    zarr.create_array(tmp_path / "a", data=np.ones(100, dtype))
    assert tessera.json("codecs", "--try", "a", schema="codecs-try")["sample_bytes"] == np.ones(100, dtype).nbytes


def test_failures(tessera, tmp_path):
    zarr.create_array(tmp_path / "e", shape=(0,), dtype="u1")
    tessera.error("codecs", "--try", "e", status=2)
    tessera.error("codecs", "--try", "missing", status=3)
    tessera.error("codecs", "-o", "p.png", status=2)
    tessera.error("codecs", "zstd", status=2)
