"""The rows of the benchmark: what is done, to which store, into which memory, by which sides."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from . import data

OUTPUTS = {
    "own": "fresh, each library's own allocation",
    "huge": "fresh, lent by the caller, huge pages",
    "reused": "reused, touched before, huge pages",
}
HALF, QUARTER = data.SIDE // 2, data.SIDE // 4

# What each peer can be asked for; our own side does everything.
SERVES = {
    "tensorstore": {"read", "chunks", "boxes", "inner", "points", "plane", "open", "rows", "small", "write", "rewrite", "reshard"},
    "zarrs": {"read", "chunks", "boxes", "inner", "plane", "open", "write", "rewrite", "reshard"},
    "zarr-python": {"read", "chunks", "boxes", "inner", "write", "rewrite"},
    "blosc2": {"boxes", "inner", "plane", "codec"},
    "h5py": {"rows"},
    "numcodecs": {"codec"},
    "limit": {"read", "chunks", "boxes", "inner", "points", "plane", "open", "rows", "small", "write", "rewrite", "reshard", "codec"},
}


@dataclass(frozen=True)
class Row:
    id: str
    group: str
    work: str
    mode: str
    store: str
    what: str  # a few words for tables
    policy: str  # where the output lies
    decoded_bytes: int
    settings: dict = field(default_factory=dict)  # as bench_worker.h has them
    extra: str = ""  # the list or the file that the job is about
    target: str = ""  # the store that is written
    holds: bool = False  # every side keeps the values in a big buffer of its own
    usual: bool = True  # measured unless rows are named
    quick: bool = True  # measured by --quick too
    without: tuple = ()  # sides that have no such job, though they have its work
    sum: str = "whole"  # which of the known sums a right answer has
    more: tuple = ()  # what of the data is made only for such rows
    pair: str = ""  # the row that does the same with all threads
    chunks: int = 0  # how many chunks it is about, where the cost of one is what counts

    def is_for(self, side):
        name = side.split("+")[0]
        return name == "tessera" or (self.work in SERVES[name] and name not in self.without)

    @property
    def sums(self):
        """Which of the known sums a right answer has; None where something is written."""
        return None if self.writes else self.sum

    @property
    def fresh(self):
        """Whether the job needs gigabytes that the system has to find: a new output, or files in memory."""
        return self.work in ("write", "reshard") or self.mode in ("own", "huge")

    @property
    def writes(self):
        return self.work in ("write", "rewrite", "reshard")

    @property
    def settings_text(self):
        return " ".join(f"{name}={value}" for name, value in self.settings.items())


def all_rows():
    """In an order that keeps the rows which hold the big buffer together."""
    return [
        *fresh_rows(), *chunk_rows(), *box_rows(), *part_rows(), *small_rows(), *codec_rows(), *single_codec_rows(), *reshard_rows(),
        *reused_rows(), *write_rows(),
    ]


def fresh_rows():
    for output in ("own", "huge"):
        for store in data.STORES:
            if output == "own":
                yield Row(f"read-{store}", "read whole", "read", output, store, f"read {store}", OUTPUTS[output], data.BYTES,
                          quick=False)
            else:
                yield Row(f"read-{store}-{output}", "read whole", "read", output, store, f"read half of {store}", OUTPUTS[output],
                          data.BYTES // 2, settings={"planes": HALF}, quick=store == "C", sum="half", more=("half",))


def chunk_rows():
    for in_flight in (1, 2):
        for store in data.STORES:
            yield Row(f"chunks{in_flight}-{store}", "chunk by chunk", "chunks", str(in_flight), store,
                      f"chunks of half of {store}, {in_flight} in flight", "the library's own or reused, whichever is faster",
                      data.BYTES // 2, settings={"planes": HALF}, sum="half", more=("half",), quick=in_flight == 2 and store == "C")


def box_rows():
    """A batch is of 10,000, many of which touch the same inner chunks. One by one 1,000 do, since calls do not
    depend on each other, and 10,000 take a minute a round. zarrs has no call for a batch: it would be the former."""
    for work, edge, noun in (("boxes", data.BOX, "boxes"), ("inner", data.INNER, "inner chunks")):
        for name, mode, text in ((work, "one", "one by one"), (f"{work}10k", "batch", "as one batch"), (f"{work}10k", "one", "one by one")):
            count = data.LISTS[name][0]
            batch = mode == "batch"
            yield Row(f"{work}-batch" if batch else f"{name}-one", "random boxes", work, mode, "C", f"{count:,} {noun} {edge}^3 of C, {text}",
                      "small results", count * edge**3 * 2, extra=name, sum=name, more=(name, "b2nd"), usual=batch or name == work,
                      quick=work == "boxes", without=("blosc2", "zarrs") if batch else ())


def part_rows():
    for store in ("A", "C"):
        yield Row(f"points-{store}", "points and planes", "points", "batch", store, f"{data.POINTS:,} random points of {store}",
                  "small results", 2 * data.POINTS, extra="points", sum="points", more=("points",), quick=store == "A")
    for axis in ("z", "x"):
        yield Row(f"plane-{axis}-C", "points and planes", "plane", axis, "C", f"a plane of C, one {axis}", "small results",
                  2 * data.SIDE**2, sum=f"plane {axis}", more=("b2nd",), quick=axis == "z")
    yield Row("open-C", "open, rows", "open", "first", "C", "open C, read one inner chunk; 20 times", "small results",
              20 * 2 * data.INNER**3, sum="first")
    yield Row("rows", "open, rows", "rows", "one", "R", f"{data.ROWS * data.SIDE:,} rows of 2 KiB one by one, gzip", "one row, reused",
              2 * data.ROWS * data.SIDE**2, sum="R", more=("R",))


def small_rows():
    """Small chunks in memory, ever more of them, about as many altogether in each row; and in files."""
    for count, grid in ((1000, "10x10x10"), (10_000, "20x25x20"), (100_000, "50x50x40"), (1_000_000, "100x100x100")):
        chunk_bytes = 2 * data.SMALL_CHUNK**3
        repeat = max(1, 100_000 // count)
        yield Row(f"small-memory-{count}", "small chunks", "small", "memory", "-", f"{count:,} chunks of 1 KiB in memory"
                  + (f", {repeat} times" if repeat > 1 else ""), "reused", count * chunk_bytes * repeat, chunks=count * repeat,
                  settings={"grid": grid} | ({"repeat": repeat} if repeat > 1 else {}), sum=f"grid {grid}", more=(f"grid {grid}",),
                  quick=count == 100_000, without=("tensorstore",) if count > 100_000 else ())
    yield Row("small-files", "small chunks", "small", "files", "S", "100,000 chunks of 1 KiB in files", "reused", 100_000 * chunk_bytes,
              chunks=100_000, sum="S", more=("S",), quick=False)


def codec_rows():
    """Other codecs, on smooth and on noisy values. Speeds do not depend on the size, so a part of the planes does for the slow ones."""
    for store in data.MORE_STORES:
        noisy = store.endswith("N")
        title = data.CODECS[store[0]][0] + (", noisy" if noisy else ", smooth")
        sums = "quarter noisy" if noisy else "quarter"
        yield Row(f"read-{store}", "read whole, other codecs", "read", "own", store, f"read a quarter of {title}", OUTPUTS["own"],
                  data.BYTES // 4, settings={"planes": QUARTER}, sum=sums, more=(store, sums), quick=False)


KINDS = {"smooth": 2, "noisy": 2, "float": 4}
# Codecs as bench_codec.h names them: a title, and how often 4 MiB are encoded and decoded in a job.
USUAL_CODECS = {
    "zstd:3": ("zstd 3", 1, 8),
    "lz4:1": ("lz4", 4, 16),
    "gzip:1": ("gzip 1", 1, 4),
    "blosc:lz4:5:1": ("blosc lz4 5 bytes", 4, 16),
    "blosc:lz4:5:2": ("blosc lz4 5 bits", 4, 16),
    "blosc:zstd:1:1": ("blosc zstd 1 bytes", 1, 8),
    "blosc:blosclz:9:2": ("blosc blosclz 9 bits", 2, 8),
}
# Those that are measured only when they are named: every compressor of blosc with every shuffle among them.
OTHER_CODECS = {
    "zlib:1": ("zlib 1", 1, 4),
    "bz2:1": ("bz2 1", 1, 1),
    "lzma:1": ("lzma 1", 1, 1),
    "crc32c": ("crc32c", 32, 32),
} | {
    f"blosc:{compressor}:{level}:{shuffle}": (f"blosc {compressor} {level}{title}", encodes, decodes)
    for compressor, level, encodes, decodes in (("lz4", 5, 4, 16), ("lz4hc", 5, 1, 16), ("blosclz", 9, 2, 8), ("zlib", 1, 1, 4), ("zstd", 1, 1, 8))
    for shuffle, title in enumerate(("", " bytes", " bits"))
    if f"blosc:{compressor}:{level}:{shuffle}" not in USUAL_CODECS
}


def single_codec_rows():
    """One thread, pieces of 64^3 elements that lie in cache."""
    for name, (title, encodes, decodes) in (USUAL_CODECS | OTHER_CODECS).items():
        for kind, typesize in KINDS.items():
            for mode, repeat in (("encode", encodes), ("decode", decodes)):
                yield Row(f"{mode}-{name.replace(':', '-')}-{kind}", f"single codecs: {mode}", "codec", mode, name, f"{title}, {kind}",
                          "reused", repeat * data.PIECES * data.INNER**3 * typesize, settings={"typesize": typesize, "repeat": repeat},
                          extra=f"codec-{kind}", sum=f"codec {kind}", more=(f"codec {kind}",), usual=name in USUAL_CODECS,
                          quick=name in ("blosc:lz4:5:1", "zstd:3") and kind == "noisy",
                          without=("blosc2", "numcodecs") if name == "crc32c" else () if name.startswith("blosc") else ("blosc2",))


def reshard_rows():
    yield Row("reshard-A-C", "re-shard", "reshard", "new", "A", "store A anew as C", "no fsync on any side", data.BYTES, target="C",
              quick=False)


def reused_rows():
    for store in data.STORES:
        yield Row(f"read-{store}-reused", "read whole", "read", "reused", store, f"read {store}", OUTPUTS["reused"], data.BYTES,
                  holds=True, quick=False)
    for store in ("L",):
        yield Row(f"read-{store}-reused", "read whole, other codecs", "read", "reused", store, f"read half of {data.CODECS[store][0]}, smooth",
                  OUTPUTS["reused"], data.BYTES * data.CODEC_PLANES // data.SIDE, settings={"planes": data.CODEC_PLANES}, holds=True,
                  quick=False, sum=store, more=(store,))
    for store in data.STORES:
        yield Row(f"read-{store}-thread", "one thread", "read", "reused", store, f"read a quarter of {store}, one thread",
                  OUTPUTS["reused"], data.BYTES // 4, settings={"planes": QUARTER, "threads": 1}, holds=True, quick=False, sum="quarter",
                  more=("quarter",), pair=f"read-{store}-reused")


def write_rows():
    """A quarter of an array: as many files for a thread as it takes to see the speed."""
    for synced in (False, True):
        for store in (*data.STORES, "L"):
            title = f"write a quarter of {title_of(store)}, new files" + (", fsync" if synced else "")
            yield Row(f"write-{store}-synced" if synced else f"write-{store}", "write whole, fsync" if synced else "write whole",
                      "write", "new", store, title, "fsync on all sides" if synced else "no fsync on any side",
                      data.BYTES // 4, settings={"planes": QUARTER} | ({"synced": 1} if synced else {}), target=store,
                      holds=True, quick=not synced and store == "A", sum="quarter", more=("quarter", "L") if store == "L" else ("quarter",))
    for store in data.STORES:
        yield Row(f"rewrite-{store}", "write whole", "rewrite", "old", store, f"write {store}, over existing files", "no fsync on any side",
                  data.BYTES, target=store, holds=True, usual=False, quick=False)


def title_of(store):
    return "blosc lz4" if store == "L" else store


def choose(patterns, quick):
    """The rows that match any of the patterns; without patterns, the usual ones."""
    rows = all_rows()
    if not patterns:
        return [row for row in rows if row.usual and (row.quick or not quick)]
    for pattern in patterns:
        if not any(matches(row, pattern) for row in rows):
            known = " ".join(row.id for row in rows)
            raise SystemExit(f"bench: no row is called {pattern}\n  rows: {known}")
    return [row for row in rows if any(matches(row, pattern) for pattern in patterns)]


def matches(row, pattern):
    return pattern == "all" or fnmatchcase(row.id, pattern)
