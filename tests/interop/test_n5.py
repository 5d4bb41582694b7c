"""n5_default: blocks of N5 as tensorstore has them. A folder with attributes.json and zarr.json is an array of both."""
import json

import numpy as np
import pytest
import tensorstore
import tessera_cli as cli

COMPRESSIONS = {
    "raw": ({"type": "raw"}, []),
    "gzip": ({"type": "gzip", "level": 5, "useZlib": False}, [{"name": "gzip", "configuration": {"level": 5}}]),
    "zstd": ({"type": "zstd", "level": 3}, [{"name": "zstd", "configuration": {"level": 3, "checksum": False}}]),
}


def make(folder, dtype, shape, chunks, compression):
    """The documents of both formats in one folder; N5's is made by tensorstore."""
    theirs, ours = COMPRESSIONS[compression]
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{folder}/"},
            "metadata": {"dimensions": list(shape), "blockSize": list(chunks), "dataType": dtype, "compression": theirs}}
    store = tensorstore.open(spec, create=True).result()
    rank = len(shape)
    chain = [{"name": "transpose", "configuration": {"order": list(range(rank))[::-1]}},
             {"name": "bytes", "configuration": {"endian": "big"}}, *ours]
    document = {"zarr_format": 3, "node_type": "array", "shape": list(shape), "data_type": dtype, "fill_value": 0,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
                "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
                "codecs": [{"name": "n5_default", "configuration": {"codecs": chain}}]}
    (folder / "zarr.json").write_text(json.dumps(document))
    return store


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype, shape, chunks", [("int16", (7, 5), (3, 4)), ("uint8", (10,), (4,)),
                                                  ("float64", (3, 4, 5), (2, 4, 3)), ("uint64", (4, 6), (2, 3))])
def test_both_ways(tmp_path, compression, dtype, shape, chunks):
    values = (np.arange(np.prod(shape)) % 200 + 1).astype(dtype).reshape(shape)
    theirs = make(tmp_path, dtype, shape, chunks, compression)
    theirs.write(values).result()
    assert np.array_equal(cli.read(tmp_path, dtype, shape), values)
    turned = np.ascontiguousarray(values[::-1])
    cli.put(tmp_path, turned)
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{tmp_path}/"}}
    assert np.array_equal(tensorstore.open(spec).result().read().result(), turned)
