"""The rows of the benchmark: what is done, to which store, into which memory."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from . import data

OUTPUTS = {
    "own": "fresh, each library's own allocation",
    "huge": "fresh, lent by the caller, huge pages",
    "reused": "reused, touched before, huge pages",
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
    holds: bool = False  # every side keeps the values in a big buffer of its own
    usual: bool = True  # measured unless rows are named
    quick: bool = True  # measured by --quick too
    without: tuple = ()  # sides that have no such job
    sum: str = "whole"  # which of the known sums a right answer has
    more: str = ""  # what of the data is made only for such rows

    @property
    def sums(self):
        """Which of the known sums a right answer has; None where something is written."""
        return None if self.writes else self.sum

    @property
    def fresh(self):
        """Whether the job needs gigabytes that the system has to find: a new output, or files in memory."""
        return self.work == "write" or self.mode in ("own", "huge")

    @property
    def writes(self):
        return self.work in ("write", "rewrite")


def all_rows():
    """In an order that keeps the rows which hold the big buffer together."""
    rows = []
    for output in ("own", "huge"):
        for store in data.STORES:
            name = f"read-{store}" if output == "own" else f"read-{store}-{output}"
            rows.append(Row(name, "read whole", "read", output, store, f"read {store}", OUTPUTS[output],
                            data.BYTES, quick=output == "own"))
    for in_flight in (1, 2):
        for store in data.STORES:
            rows.append(Row(f"chunks{in_flight}-{store}", "chunk by chunk", "chunks", str(in_flight), store,
                            f"chunks of {store}, {in_flight} in flight", "the library's own or reused, whichever is faster",
                            data.BYTES, quick=in_flight == 2))
    box_bytes = data.BOXES * data.BOX**3 * 2
    for mode, text in (("one", "one by one"), ("batch", "as one batch")):
        rows.append(Row(f"boxes-{mode}", "random boxes", "boxes", mode, "C",
                        f"{data.BOXES:,} boxes {data.BOX}^3 of C, {text}", "small results", box_bytes, sum="boxes"))
    rows += part_rows() + codec_rows()
    for store in data.STORES:
        rows.append(Row(f"read-{store}-reused", "read whole", "read", "reused", store, f"read {store}",
                        OUTPUTS["reused"], data.BYTES, holds=True, quick=False))
    for work, mode, text, usual in (("write", "new", "new files", True), ("rewrite", "old", "over existing files", False)):
        for store in data.STORES:
            rows.append(Row(f"{work}-{store}", "write whole", work, mode, store, f"write {store}, {text}",
                            "no fsync on any side", data.BYTES, holds=True, usual=usual, quick=usual))
    rows.append(Row("write-L", "write whole", "write", "new", "L", "write blosc lz4, new files", "no fsync on any side", data.BYTES,
                    holds=True, quick=False, without=("limit", "zarrs"), more="L"))
    return rows


def codec_rows():
    """Other codecs, on smooth and on noisy values; native zarrs is built without them, and so is the limit."""
    rows = []
    for store in data.MORE_STORES:
        title = data.CODECS[store[0]][0] + (", noisy" if store.endswith("N") else ", smooth")
        rows.append(Row(f"read-{store}", "read whole, other codecs", "read", "own", store, f"read {title}", OUTPUTS["own"], data.BYTES,
                        without=("limit", "zarrs"), sum=store, more=store, quick=False))
    return rows


def part_rows():
    others = ("limit", "zarrs")
    rows = [
        Row(f"points-{store}", "points and planes", "points", "batch", store, f"{data.POINTS:,} random points of {store}",
            "small results", 2 * data.POINTS, without=others, sum="points", more="points")
        for store in ("A", "C")
    ]
    plane_bytes = 2 * data.SIDE**2
    rows += [
        Row(f"plane-{axis}-C", "points and planes", "plane", axis, "C", f"a plane of C, one {axis}", "small results", plane_bytes,
            without=others, sum=f"plane {axis}")
        for axis in ("z", "x")
    ]
    rows.append(Row("open-C", "open", "open", "first", "C", "open C, read one inner chunk; 20 times", "small results",
                    20 * 2 * data.INNER**3, without=others, sum="first"))
    small_bytes = 2 * data.SMALL[0] * data.SMALL[1] * data.SMALL[2]
    rows += [
        Row(f"small-{mode}", "100,000 chunks of 1 KiB", "small", mode, "S", f"100,000 chunks of 1 KiB, {mode}", "reused", small_bytes,
            without=("zarrs",), sum="S", more="S", quick=mode == "memory")
        for mode in ("memory", "files")
    ]
    return rows


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
