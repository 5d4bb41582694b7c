"""The data of the headline job: stores made once from the formula, by zarr-python, and what a right reader
must see. Three of them are always there; the others are made when a row that is measured needs them."""

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np

SIDE, CHUNK, INNER, BOX, SEED = 1024, 256, 64, 32, 20240229
BYTES = SIDE**3 * 2
STORES = ("A", "B", "C")
TITLES = {
    "A": "raw, chunks 256^3",
    "B": "zstd level 0, chunks 256^3",
    "C": "shards 256^3 of zstd level 0, inner chunks 64^3",
}
# Stores of other codecs; names in N hold noise, of which five bits do not compress.
CODECS = {
    "L": ("blosc lz4 level 5, shuffle", {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}),
    "K": ("blosc blosclz level 9, bitshuffle", {"cname": "blosclz", "clevel": 9, "shuffle": "bitshuffle"}),
    "G": ("gzip level 1", None),
}
MORE_STORES = (*CODECS, *(f"{name}N" for name in CODECS))
CODEC_PLANES = 512  # of these stores: z is below this
SMALL, SMALL_CHUNK = (400, 400, 320), 8
POINTS = 1_000_000
# Lists of boxes that are made when they are needed: how many, and their edge; of inner chunks they are aligned.
LISTS = {"boxes": (1000, BOX), "boxes10k": (10_000, BOX), "inner": (1000, INNER), "inner10k": (10_000, INNER)}
ROWS, ROW_CHUNK = 16, (1, 128, SIDE)  # planes that are read row by row
PIECES = 8  # of 64^3 elements: what single codecs work on
WRAP = 2**64


def formula(z, y, x):
    """(x + y^2/32 + z^3) mod 65536 for positions that broadcast against each other."""
    z, y, x = (np.asarray(axis, dtype=np.uint64) for axis in (z, y, x))
    return ((x + y * y // 32 + z**3) % 65536).astype(np.uint16)


def noisy(z, y, x):
    """A plane that rises slowly, with five bits of noise: of a multiplicative hash of the position."""
    z, y, x = (np.asarray(axis, dtype=np.uint32) for axis in (z, y, x))
    noise = ((z * SIDE + y) * SIDE + x) * np.uint32(2654435761) >> np.uint32(27)
    return (1000 + x // 4 + y // 4 + noise).astype(np.uint16)


def whole(rule=formula, planes=SIDE):
    """The array, plane by plane, since 64-bit intermediates of all of it would take 8 GiB."""
    axis = np.arange(SIDE)
    values = np.empty((planes, SIDE, SIDE), np.uint16)
    for z in range(planes):
        values[z] = rule(z, axis[:, None], axis[None, :])
    return values


def sum_of(values, start):
    """The pair of sums of bench_headline.h, computed independently of it."""
    plain = weighted = 0
    columns = np.arange(values.shape[2], dtype=np.uint64) + np.uint64(start[2] + 1)
    for z, plane in enumerate(values):
        plane = plane.astype(np.uint64)
        rows = plane.sum(axis=1)
        first = ((start[0] + z) * SIDE + start[1] + np.arange(plane.shape[0])) * SIDE
        plain += int(rows.sum())
        # Unsigned arithmetic wraps modulo 2^64, which is what the sums are defined by.
        weighted += int((plane @ columns).sum()) + int((rows * first.astype(np.uint64)).sum())
    return plain % WRAP, weighted % WRAP


def write_stores(folder, values):
    import zarr
    from zarr.codecs import ZstdCodec

    settings = {
        "A": {"chunks": (CHUNK,) * 3, "compressors": None},
        "B": {"chunks": (CHUNK,) * 3, "compressors": ZstdCodec(level=0)},
        "C": {"chunks": (INNER,) * 3, "shards": (CHUNK,) * 3, "compressors": ZstdCodec(level=0)},
    }
    for store, options in settings.items():
        array = zarr.create_array(
            folder / store, shape=values.shape, dtype="uint16", fill_value=0, filters=None, **options
        )
        array[:] = values


def write_boxes(path, count, edge):
    generator = random.Random(SEED)
    if edge == INNER:
        starts = [[INNER * generator.randrange(SIDE // INNER) for _ in range(3)] for _ in range(count)]
    else:
        starts = [[generator.randrange(SIDE - edge + 1) for _ in range(3)] for _ in range(count)]
    path.write_text("".join("{} {} {}\n".format(*start) for start in starts), encoding="ascii")


def boxes_sum(path, edge):
    plain = weighted = 0
    for line in path.read_text(encoding="ascii").splitlines():
        start = [int(word) for word in line.split()]
        z, y, x = (np.arange(first, first + edge) for first in start)
        part = sum_of(formula(z[:, None, None], y[None, :, None], x[None, None, :]), start)
        plain, weighted = plain + part[0], weighted + part[1]
    return plain % WRAP, weighted % WRAP


def size_of(folder):
    """The bytes of all files below a folder, metadata left out."""
    return sum(
        os.path.getsize(os.path.join(parent, name))
        for parent, _, names in os.walk(folder)
        for name in names
        if name != "zarr.json"
    )


def ensure(folder: Path, say):
    """Makes the stores unless they are whole. Returns {"whole": [plain, weighted], "sizes": ...}."""
    facts_path = folder / "facts.json"
    if facts_path.exists():
        return json.loads(facts_path.read_text(encoding="utf-8"))
    need = 4 * BYTES
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise SystemExit(f"bench: {folder} has {free / 1e9:.1f} GB free, the data needs {need / 1e9:.1f} GB")
    shutil.rmtree(folder)
    folder.mkdir()
    say("making the data once (2.7 GB; about half a minute)")
    values = whole()
    write_stores(folder, values)
    facts = {
        "whole": sum_of(values, (0, 0, 0)),
        "sizes": {store: size_of(folder / store) for store in STORES},
    }
    # Written last: it says that everything before is whole.
    partial = facts_path.with_suffix(".partial")
    partial.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(partial, facts_path)
    return json.loads(facts_path.read_text(encoding="utf-8"))


# ---- what is made when it is needed ----


def write_more(path, name, values):
    import zarr
    from zarr.codecs import BloscCodec, GzipCodec

    settings = CODECS[name[0]][1]
    codec = BloscCodec(typesize=2, **settings) if settings else GzipCodec(level=1)
    array = zarr.create_array(
        path, shape=values.shape, dtype="uint16", fill_value=0, filters=None, chunks=(CHUNK,) * 3, compressors=codec
    )
    array[:] = values


def write_small(path, values):
    import zarr

    array = zarr.create_array(
        path, shape=SMALL, dtype="uint16", fill_value=0, filters=None, chunks=(SMALL_CHUNK,) * 3, compressors=None
    )
    array[:] = values


def small_values():
    z, y, x = (np.arange(length) for length in SMALL)
    return formula(z[:, None, None], y[None, :, None], x[None, None, :])


def points_sum(path):
    """Random points, of which some come twice; their file, and the sum of their values."""
    points = np.random.default_rng(SEED).integers(0, SIDE, (POINTS, 3), dtype=np.int64)
    points.tofile(path)
    values = formula(*points.T).astype(np.uint64)
    weights = ((points[:, 0] * SIDE + points[:, 1]) * SIDE + points[:, 2] + 1).astype(np.uint64)
    return int(values.sum()) % WRAP, int((values * weights).sum()) % WRAP


def block_sum(start, shape):
    """Plane by plane, as whole() makes them."""
    plain = weighted = 0
    y, x = (np.arange(first, first + length) for first, length in zip(start[1:], shape[1:]))
    for z in range(start[0], start[0] + shape[0]):
        part = sum_of(formula(z, y[:, None], x[None, :])[None], (z, *start[1:]))
        plain, weighted = plain + part[0], weighted + part[1]
    return plain % WRAP, weighted % WRAP


def write_rows(folder, values):
    """The same planes as a Zarr array and as a dataset of HDF5: both gzip 1 and of the same chunks."""
    import h5py
    import zarr
    from zarr.codecs import GzipCodec

    array = zarr.create_array(
        folder / "R", shape=values.shape, dtype="uint16", fill_value=0, filters=None, chunks=ROW_CHUNK, compressors=GzipCodec(level=1)
    )
    array[:] = values
    with h5py.File(folder / "R.h5", "w") as file:
        file.create_dataset("R", data=values, chunks=ROW_CHUNK, compression="gzip", compression_opts=1)


def write_b2nd(path, values):
    """What C is in the terms of blosc2: chunks 256^3 in one file, of blocks 64^3, each compressed by zstd without a filter."""
    import blosc2

    settings = {"codec": blosc2.Codec.ZSTD, "clevel": 1, "filters": [blosc2.Filter.NOFILTER], "nthreads": len(os.sched_getaffinity(0))}
    blosc2.asarray(
        values, chunks=(CHUNK,) * 3, blocks=(INNER,) * 3, cparams=settings, urlpath=str(path), contiguous=True, mode="w"
    )


def pieces(kind):
    """What single codecs work on: pieces of 64^3 at places of the array that lie far apart."""
    found = []
    for number in range(PIECES):
        z, y, x = (np.arange(first, first + INNER) for first in (number * 120, number * 70, number * 50))
        place = z[:, None, None], y[None, :, None], x[None, None, :]
        if kind == "smooth":
            found.append(formula(*place))
        elif kind == "noisy":
            found.append(noisy(*place))
        else:
            wave = 20 * np.sin(place[0] / 40) + 15 * np.cos(place[1] / 30) * np.sin(place[2] / 50)
            found.append((280 + wave + (noisy(*place) % 32) / 64).astype(np.float32))
    return np.concatenate([piece.reshape(-1) for piece in found])


def codec_sum(path, kind):
    """Of the bytes taken as elements of two bytes in planes of the array."""
    values = pieces(kind)
    values.tofile(path)
    return sum_of(values.view(np.uint16).reshape(-1, SIDE, SIDE), (0, 0, 0))


# Sums of the first planes alone.
PART_SUMS = {"half": (formula, SIDE // 2), "quarter": (formula, SIDE // 4), "quarter noisy": (noisy, SIDE // 4)}


def grid_shape(text):
    return tuple(SMALL_CHUNK * int(count) for count in text.split("x"))


def make(folder, name):
    """Makes one store or list; returns its facts."""
    kind, _, rest = name.partition(" ")
    if name == "points":
        return {"sum": points_sum(folder / "points")}
    if name in PART_SUMS:
        rule, planes = PART_SUMS[name]
        return {"sum": sum_of(whole(rule, planes), (0, 0, 0))}
    if kind == "grid":
        return {"sum": block_sum((0, 0, 0), grid_shape(rest))}
    if kind == "codec":
        return {"sum": codec_sum(folder / f"codec-{rest}", rest)}
    if name in LISTS:
        count, edge = LISTS[name]
        write_boxes(folder / name, count, edge)
        return {"sum": boxes_sum(folder / name, edge)}
    if name == "b2nd":
        write_b2nd(folder / "C.b2nd", whole())
        return {"sum": None}
    if name == "S":
        values = small_values()
        write_small(folder / "S", values)
    elif name == "R":
        values = whole(planes=ROWS)
        write_rows(folder, values)
    else:
        values = whole(noisy if name.endswith("N") else formula, CODEC_PLANES)
        write_more(folder / name, name, values)
    return {"sum": sum_of(values, (0, 0, 0)), "size": size_of(folder / name)}


def ensure_more(folder: Path, facts, names, say):
    """Makes what of `names` is missing, and adds to the facts."""
    for name in names:
        path = folder / f"facts-{name.replace(' ', '-')}.json"
        if not path.exists():
            say(f"making {name} once")
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(make(folder, name)), encoding="utf-8")
            os.replace(partial, path)
        more = json.loads(path.read_text(encoding="utf-8"))
        facts[name] = more["sum"]
        if "size" in more:
            facts["sizes"][name] = more["size"]
    middle = SIDE // 2
    facts["plane x"] = list(block_sum((0, 0, middle), (SIDE, SIDE, 1)))
    facts["plane z"] = list(block_sum((middle, 0, 0), (1, SIDE, SIDE)))
    facts["first"] = list(block_sum((0, 0, 0), (INNER,) * 3))
