"""Implementations that we did not write. What each cannot do is listed here with the reason, so that a peer which suddenly refuses more
fails a test instead of making it empty."""
import contextlib
import json
import warnings

import numpy as np
import tensorstore
import zarr
import zarrs  # noqa: F401  (registers its pipeline)

warnings.filterwarnings("ignore", category=UserWarning)

ZARRS_PIPELINE = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}


class ZarrPython:
    name = "zarr-python"

    def settings(self):
        return contextlib.nullcontext()

    def supports(self, case, writing=False):
        if case.layout == "transpose in front":
            return False  # checks divisibility against the shape before the transpose
        return not (writing and case.shape == () and case.layout != "plain")

    def read(self, place):
        with self.settings():
            return np.asarray(zarr.open_array(place, mode="r")[...])

    def write(self, place, values):
        with self.settings():
            zarr.open_array(place, mode="r+")[...] = values


def is_big_endian(case):
    return case.big_endian or '"big"' in json.dumps([c for c in chain(case.codecs or []) if c["name"] == "bytes"])


def chain(codecs):
    """All codecs of the elements, without those of indexes."""
    for codec in codecs:
        yield codec
        yield from chain(codec.get("configuration", {}).get("codecs", []))


class ZarrsPipeline(ZarrPython):
    name = "zarrs"

    def supports(self, case, writing=False):
        if case.zarr_format == 2 and (case.order == "F" or case.big_endian or
                                      case.compressors and case.compressors[0]["id"] == "lz4"):
            return False  # "Non-native byte order not supported", "must be a C contiguous array"
        if case.dtype.startswith("complex") and is_big_endian(case):
            return False  # reads other values than all others do
        return super().supports(case, writing)

    def settings(self):
        return zarr.config.set(ZARRS_PIPELINE)


class TensorStore:
    name = "tensorstore"

    def supports(self, case, writing=False):
        if case.zarr_format == 3:
            return case.layout != "codecs behind"  # refuses to open
        return not case.compressors or case.compressors[0]["id"] != "lz4"  # not registered there

    def open(self, place):
        driver = "zarr3" if (place / "zarr.json").exists() else "zarr"
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{place}/"}}
        return tensorstore.open(spec, open=True).result()

    def read(self, place):
        return np.asarray(self.open(place).read().result())

    def write(self, place, values):
        self.open(place).write(values).result()


PEERS = [ZarrPython(), ZarrsPipeline(), TensorStore()]
