"""The peers in bench/partial: writes parts of a shard one after another, as bench_partial.c does.

partial_peer.py LIBRARY ARRAY slices|append off|on FIRST STEP COUNT ROUND
"""

import sys
from time import perf_counter, process_time

import numpy as np


def noise(slices, length, round_number):
    """The values of bench_partial.c."""
    seeds = (np.uint64(round_number) * np.uint64(1000003) + np.asarray(slices, np.uint64)).astype(np.uint32)
    at = np.arange(length, dtype=np.uint32)
    with np.errstate(over="ignore"):
        mixed = (seeds * np.uint32(2654435761))[:, None] ^ (at * np.uint32(2246822519))
        return ((mixed * np.uint32(3266489917)) >> np.uint32(16)).astype(np.uint16)


def open_tensorstore(path, synced):
    import tensorstore

    return tensorstore.open(
        {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}},
        context=tensorstore.Context({"file_io_sync": synced}),
        open=True,
    ).result()


def write_tensorstore(path, synced, slices, values, grows):
    array = open_tensorstore(path, synced)
    started = perf_counter()
    for i, number in enumerate(slices):
        if grows:
            array = array.resize(exclusive_max=[number + 1, None], expand_only=True).result()
        array[number : number + 1].write(values[i : i + 1]).result()
    return perf_counter() - started


def write_zarr(path, slices, values, grows):
    import zarr

    array = zarr.open_array(path, mode="r+")
    started = perf_counter()
    for i, number in enumerate(slices):
        if grows:
            array.append(values[i : i + 1], axis=0)
        else:
            array[number : number + 1] = values[i : i + 1]
    return perf_counter() - started


def memory_kib(name):
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


def main():
    library, path, way, synced, *numbers = sys.argv[1:]
    first, step, count, round_number = map(int, numbers)
    if library == "zarrs":
        import zarr

        zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    if library == "tensorstore":
        import tensorstore  # noqa: F401
    else:
        import zarr  # noqa: F401
    slices = range(first, first + step * count, step)
    length = open_tensorstore(path, False).shape[1] if library == "tensorstore" else zarr.open_array(path, mode="r").shape[1]
    values = noise(slices, length, round_number)
    before, worked = memory_kib("VmRSS:"), process_time()
    if library == "tensorstore":
        seconds = write_tensorstore(path, synced == "on", slices, values, way == "append")
    else:
        seconds = write_zarr(path, slices, values, way == "append")
    print(f"{seconds:.6f} {process_time() - worked:.6f} {memory_kib('VmHWM:') - before}")


if __name__ == "__main__":
    main()
