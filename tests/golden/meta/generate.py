#!/usr/bin/env python3
"""Writes the golden metadata documents beside this file with zarr-python and tensorstore.

They prove that documents of other writers are read; test_zarr3_meta.c and test_zarr2_meta.c say what each one
means. Run it only to add
documents or to follow a new release of the writers (the versions are in tools/requirements.txt):

    build/venv/bin/python tests/golden/meta/generate.py
"""

import pathlib
import tempfile
import warnings

import numcodecs
import numpy as np
import tensorstore as ts
import zarr
from numcodecs.zarr3 import LZ4

HERE = pathlib.Path(__file__).parent


def keep(source, name):
    (HERE / name).write_bytes(pathlib.Path(source).read_bytes())


def zarr_python_3(folder):
    root = zarr.create_group(folder / "p3", zarr_format=3, attributes={"title": "golden"})
    root.create_array("sharded", shape=(100, 90, 7), dtype="uint16", chunks=(10, 9, 7), shards=(50, 45, 7),
                      fill_value=65535, dimension_names=("t", None, "x"), attributes={"units": "m", "scale": 0.1})
    root.create_array("nan", shape=(5,), dtype="float32", chunks=(2,), fill_value=float("nan"),
                      compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"))
    root.create_array("complex", shape=(4, 4), dtype="complex64", chunks=(2, 2), fill_value=1 - float("inf") * 1j,
                      chunk_key_encoding={"name": "v2", "configuration": {"separator": "."}}, compressors=None)
    root.create_array("scalar", shape=(), dtype="int64", fill_value=-(2**63), compressors=zarr.codecs.GzipCodec(level=9))
    root.create_array("big_endian", shape=(3, 4, 5), dtype="float64", chunks=(3, 4, 5), fill_value=-0.0,
                      filters=[zarr.codecs.TransposeCodec(order=(1, 2, 0))],
                      serializer=zarr.codecs.BytesCodec(endian="big"), compressors=[zarr.codecs.Crc32cCodec()])
    root.create_array("uint64", shape=(3,), dtype="uint64", chunks=(3,), fill_value=2**64 - 1,
                      compressors=LZ4(acceleration=2))
    root.create_array("text", shape=(3,), dtype=str, chunks=(3,))
    root.create_array("time", shape=(3,), dtype="datetime64[ns]", chunks=(3,))
    zarr.consolidate_metadata(folder / "p3", zarr_format=3)
    for name in ("sharded", "nan", "complex", "scalar", "big_endian", "uint64", "text", "time"):
        keep(folder / "p3" / name / "zarr.json", f"zarr_python_3_{name}.json")
    keep(folder / "p3" / "zarr.json", "zarr_python_3_group.json")


def zarr_python_2(folder):
    root = zarr.create_group(folder / "p2", zarr_format=2, attributes={"title": "golden"})
    root.create_array("blosc", shape=(100, 90, 7), dtype="<i2", chunks=(10, 9, 7), fill_value=-1, order="F",
                      compressors=numcodecs.Blosc(cname="zstd", clevel=3, shuffle=numcodecs.Blosc.AUTOSHUFFLE),
                      attributes={"_ARRAY_DIMENSIONS": ["t", "y", "x"], "missing": float("nan")})
    root.create_array("filters", shape=(10,), dtype=">f8", chunks=(5,), fill_value=float("-inf"),
                      filters=[numcodecs.Shuffle(8), numcodecs.CRC32C()], compressors=numcodecs.Zlib(1),
                      chunk_key_encoding={"name": "v2", "separator": "/"})
    root.create_array("raw", shape=(10,), dtype="V3", chunks=(5,), compressors=None, fill_value=np.void(b"\x01\x02\xff"))
    root.create_array("scalar", shape=(), dtype="|b1", fill_value=None, compressors=numcodecs.Zstd(level=1))
    root.create_array("record", shape=(10,), dtype=[("a", "<i4"), ("b", "<f8")], chunks=(5,))
    for name in ("blosc", "filters", "raw", "scalar", "record"):
        keep(folder / "p2" / name / ".zarray", f"zarr_python_2_{name}.zarray")
    keep(folder / "p2" / "blosc" / ".zattrs", "zarr_python_2_blosc.zattrs")
    keep(folder / "p2" / ".zgroup", "zarr_python_2.zgroup")


def tensorstore(folder):
    def create(driver, name, metadata):
        ts.open({"driver": driver, "kvstore": {"driver": "file", "path": str(folder / name)}, "metadata": metadata},
                create=True).result()

    create("zarr3", "t3_sharded", {
        "shape": [100, 90], "data_type": "float16", "fill_value": "0x7e01", "dimension_names": ["y", ""],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [50, 30]}},
        "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}},
                   {"name": "sharding_indexed", "configuration": {
                       "chunk_shape": [30, 10], "index_location": "start",
                       "codecs": [{"name": "bytes", "configuration": {"endian": "little"}},
                                  {"name": "zstd", "configuration": {"level": 3}}],
                       "index_codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]}}]})
    create("zarr3", "t3_plain", {
        "shape": [0, 2**61], "data_type": "bool", "fill_value": True, "attributes": {"deep": {"x": [1, 2.5e-3]}},
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 4096]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "codecs": [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 6}}]})
    create("zarr", "t2", {
        "shape": [100, 90], "chunks": [10, 90], "dtype": "<c16", "order": "F", "fill_value": [1.5, "NaN"],
        "dimension_separator": "/", "compressor": {"id": "bz2", "level": 2}, "filters": None})
    keep(folder / "t3_sharded" / "zarr.json", "tensorstore_3_sharded.json")
    keep(folder / "t3_plain" / "zarr.json", "tensorstore_3_plain.json")
    keep(folder / "t2" / ".zarray", "tensorstore_2.zarray")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        for write in (zarr_python_3, zarr_python_2, tensorstore):
            write(pathlib.Path(name))
