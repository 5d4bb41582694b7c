#!/usr/bin/env python3
"""make conformance: every case of the matrix against every peer that can do it; writes docs/conformance.md.

A section is a function that yields (row, column, cases); a case is a callable that takes a folder and returns, for each
peer's name, whether it reads ours and whether we read its (None: the peer cannot do that). New parts of Zarr add a
section to SECTIONS. A case that fails is listed with what went wrong, and makes the exit status 1.

--jobs runs that many cases at a time, each in a process of its own; --section runs some sections alone and brings those
parts of the page up to date.

The page ends with the demands of the specifications and the tests that are named after them, which are read out of
tests/specification; --demands brings that part up to date alone."""
import argparse
import collections
import contextlib
import importlib.metadata
import itertools
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import numpy as np  # noqa: E402
import zarr  # noqa: E402

import cases  # noqa: E402
import chain_cases  # noqa: E402
import codec_cases  # noqa: E402
import peers  # noqa: E402
import registry_cases  # noqa: E402
import strings  # noqa: E402
import tessera_cli as cli  # noqa: E402
import tree_cases  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def same(left, right):
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    return left.shape == right.shape and left.tobytes() == right.astype(left.dtype).tobytes()


# ---- types and layouts ----


def matrix_case(case):
    """What we write is read by each peer, and what each peer writes is read by us, bit for bit."""
    def run(folder):
        place = folder / "a"
        values = cases.values(case)
        cli.create(place, case)
        if values.size:
            cli.put(place, values)
        found = {}
        for peer in peers.PEERS:
            if not peer.supports(case):
                continue
            reads = same(values, peer.read(place))
            writes = None
            if values.size and peer.supports(case, writing=True):
                turned = np.ascontiguousarray(values[::-1]) if values.ndim else values
                peer.write(place, turned)
                writes = same(turned, cli.read(place, case.dtype, case.shape))
                peer.write(place, values)
            found[peer.name] = (reads, writes)
        return found
    return run


def v3_types():
    """Zarr v3: types by layouts"""
    for number in range(len(cases.TYPES) * len(cases.LAYOUTS) * 3):
        case = cases.make(number, 3)
        yield case.dtype, case.layout, matrix_case(case)


def v2_types():
    """Zarr v2: types by compressors"""
    for number in range(len(cases.TYPES) * len(cases.V2_COMPRESSORS) * 2):
        case = cases.make(number, 2)
        compressor = case.compressors[0] if case.compressors else {"id": "none"}
        yield case.dtype, " ".join(str(compressor[key]) for key in ("id", "cname") if key in compressor), matrix_case(case)


# ---- codecs ----


def codec_case(case, make_values=codec_cases.values):
    """zarr-python's own reading of its own writing is what counts: some codecs round."""
    def run(folder):
        values = make_values(case)
        ours, theirs = folder / "ours", folder / "theirs"
        cli.create(ours, case)
        cli.create(theirs, case)  # the metadata is ours, the chunks are theirs
        cli.put(ours, values)
        zarr.open_array(theirs, mode="r+")[...] = values
        expected = zarr.open_array(theirs, mode="r")[...]
        return {"zarr-python": (same(expected, zarr.open_array(ours, mode="r")[...]) and
                                same(expected, cli.read(ours, case.dtype, case.shape)),
                                same(expected, cli.read(theirs, case.dtype, case.shape)))}
    return run


SOME_TYPES = ["bool", "uint8", "int32", "float64", "complex128"]  # codecs of bytes see no types


def codecs():
    """Codecs of numcodecs: by layouts, over their types and configurations"""
    for name in codec_cases.NAMES:
        for layout in codec_cases.LAYOUTS:
            for dtype in codec_cases.ARRAYS.get(name, SOME_TYPES):
                for variant in range(3):
                    case = codec_cases.make(name, layout, dtype, variant)
                    if case:
                        yield name, layout, codec_case(case)


# ---- elements of variable length ----

STRING_LAYOUTS = {
    "plain": [], "bare": ["--codec", "none"], "blosc": ["--codec", "blosc:lz4:5:shuffle"], "gzip": ["--codec", "gzip:3"],
    "shards": ["--shards", "8,6"], "index at start": ["--shards", "8,6", "--index-location", "start"],
    "v2": ["--zarr-format", "2"], "v2, F": ["--zarr-format", "2", "--order", "F"],
}


def string_case(dtype, options, seed):
    def run(folder):
        values, turned = strings.make(dtype, (17, 11), seed), strings.make(dtype, (17, 11), seed + 1)
        cli.run("create", folder / "a", "--dtype", dtype, "--shape", "17,11", "--chunks", "4,3", *options)
        strings.put(folder / "a", values)
        array = zarr.open_array(folder / "a", mode="r+")
        reads = strings.encoded(array[:]) == strings.encoded(values)
        array[:] = turned
        return {"zarr-python": (reads, strings.listed(folder / "a") == strings.encoded(turned))}
    return run


def variable_length():
    """Elements of variable length: types by layouts"""
    for dtype in ("string", "bytes"):
        for layout, options in STRING_LAYOUTS.items():
            for seed in range(3):
                yield dtype, layout, string_case(dtype, options, 2 * seed)


# ---- pairs of codecs ----


def chains():
    """Pairs of codecs in Zarr v3: the first one by the one behind it"""
    for first in chain_cases.NAMES:
        for second in chain_cases.NAMES:
            case = chain_cases.make(first, second)
            if case:
                yield first, second, codec_case(case, chain_cases.values)


# ---- selections ----

SELECTIONS = {  # as the command line takes them, and as NumPy does
    "positions": ("1,2,3", np.s_[1, 2, 3]), "a negative position": ("-1", np.s_[-1]),
    "ranges": ("1:4,::2,3:", np.s_[1:4, ::2, 3:]), "backwards": ("::-2,5:0:-1", np.s_[::-2, 5:0:-1]),
    "nothing": ("2:2", np.s_[2:2]), "an ellipsis": ("...,1", np.s_[..., 1]), "a new axis": (":,None,2", np.s_[:, None, 2]),
    "one list": ("[4,0,2]", np.s_[[4, 0, 2]]), "a list between ranges": ("1:3,[5,1],::2", np.s_[1:3, [5, 1], ::2]),
    "lists point by point": ("[0,4,2],[1,1,5],[3,0,2]", np.s_[[0, 4, 2], [1, 1, 5], [3, 0, 2]]),
    "lists that broadcast": ("[0,4,2],[1]", np.s_[[0, 4, 2], [1]]),
}


def selection_case(case, text, selection):
    """A part that we read of what a peer has written, and the peer's array after we have written that part."""
    def run(folder):
        place, found = folder / "a", {}
        cli.create(place, case)
        values = cases.values(case)
        wanted = values[selection]
        for peer in peers.PEERS:
            if not peer.supports(case, writing=True):
                continue
            peer.write(place, values)
            theirs = same(wanted, cli.read(place, case.dtype, wanted.shape, text))
            changed = values.copy()
            changed[selection] = np.ascontiguousarray(wanted[::-1]) if wanted.ndim else case.fill
            cli.put(place, np.ascontiguousarray(changed[selection]), text)
            found[peer.name] = (same(changed, peer.read(place)), theirs)
        return found
    return run


def selections():
    """Selections of three axes, read and written: by layouts"""
    for row, (text, selection) in SELECTIONS.items():
        for number, layout in enumerate(cases.LAYOUTS):
            case = cases.make_fixed(number, "int32", layout, (5, 7, 6), (2, 2, 3))
            yield row, layout, selection_case(case, text, selection)


# ---- the extension registry ----


def registry_types():
    """Types of the registry: by layouts and grids"""
    for row, name in enumerate(registry_cases.TYPES):
        for column, layout in enumerate(registry_cases.LAYOUTS):
            yield name, layout, registry_cases.type_case(name, layout, 7 * row + column)


def registry_codecs():
    """Codecs of the registry: by layouts and grids"""
    for row, name in enumerate(registry_cases.CODECS):
        for column, layout in enumerate(registry_cases.CODEC_LAYOUTS):
            yield name, layout, registry_cases.codec_case(name, layout, 7 * row + column)


# ---- trees, keys, missing chunks ----


def trees():
    """Trees of groups and arrays with attributes"""
    for kind in tree_cases.KINDS:
        for zarr_format in (3, 2):
            for seed in range(4):
                yield kind, f"v{zarr_format}", tree_cases.tree_case(kind, zarr_format, 10 * seed + zarr_format)


def chunk_keys():
    """Keys of chunks: encodings and separators"""
    for keys in tree_cases.KEYS:
        for axes, shape in tree_cases.KEY_SHAPES.items():
            yield keys, axes, tree_cases.key_case(keys, shape)


def missing_chunks():
    """Chunks that are not there, over fill values of 1.5, NaN and -0: which are, by layouts"""
    for row, where in enumerate(tree_cases.MISSING):
        for column, layout in enumerate(cases.LAYOUTS):
            yield where, layout, tree_cases.missing_case(where, layout, 7 * row + column)


SECTIONS = [v3_types, v2_types, codecs, variable_length, chains, selections, trees, chunk_keys, missing_chunks, registry_types,
            registry_codecs]

# ---- demands of the specifications ----

DEMANDS = "## Demands of the specifications"
DEMAND_FILES = [
    ("test_must_core_nodes.c", "Core specification 3.1: documents, extensions, nodes, stores"),
    ("test_must_core_chunks.c", "Core specification 3.1: types, fill values, grids, keys, lists of codecs"),
    ("test_must_codecs.c", "Codecs of the specification"),
    ("test_must_sharding.c", "Codec sharding_indexed 1.0"),
    ("test_must_registry.c", "Registry of extensions"),
    ("test_mistakes.c", "Mistakes that others have made"),
]
DEMAND = re.compile(r'MUST\("((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)",\s*(must_\w+)\)')


def demands_of(name):
    """The rows of a table in tests/specification: section, sentence, test."""
    text = (ROOT / "tests/specification" / name).read_text(encoding="utf-8")
    return [tuple(part.replace('\\"', '"') for part in match.groups()) for match in DEMAND.finditer(text)]


def demands():
    """That part of the page."""
    yield from ("", DEMANDS, "",
                "Each is a test of its own, by the name that stands beside it (`make test T=specification`). A sentence is "
                "said here in few words; the text that it is taken from has more.")
    for name, title in DEMAND_FILES:
        yield from ("", f"### {title}", "", f"`tests/specification/{name}`", "", "| where | what | test |", "|---|---|---|")
        for where, what, test in demands_of(name):
            yield f"| {where} | {what} | `{test}` |".replace("*", "\\*")


def with_demands(page):
    """A page with that part as the sources have it now; what stands before it is kept."""
    return page.split("\n" + DEMANDS)[0].rstrip("\n") + "\n" + "\n".join(demands()) + "\n"


# ---- running and writing ----


class Cell:
    """Counts, and the peers that took part."""
    def __init__(self):
        self.cases = self.reads = self.reads_wanted = self.writes = self.writes_wanted = 0

    def add(self, found):
        self.cases += 1
        for reads, writes in found.values():
            self.reads_wanted += 1
            self.reads += bool(reads)
            self.writes_wanted += writes is not None
            self.writes += bool(writes)

    def text(self):
        ours = f"{self.reads}/{self.reads_wanted}"
        theirs = f"{self.writes}/{self.writes_wanted}"
        return f"{ours} · {theirs}" if self.cases else ""


def run_case(run):
    """What each peer said, or what went wrong."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run(pathlib.Path(folder))
        except Exception as error:  # every failure is reported, whatever it is
            traceback.print_exc()
            return f"{type(error).__name__}: {error}"


def run_share(section, step, share, shares):
    """Every `shares`-th of the cases that are run, from `share` on: by its number, what it gave."""
    cases_to_run = itertools.islice(enumerate(section()), 0, None, step)
    return {number: run_case(run) for number, (_, _, run) in itertools.islice(cases_to_run, share, None, shares)}


def run_cases(section, step, jobs):
    """What all cases gave, by their numbers. Processes begin as copies of this one, which has run no case itself, since
    the threads of a peer would not be copied."""
    if jobs == 1:
        return run_share(section, step, 0, 1)
    shares = 8 * jobs  # so that none of them has to wait long for the last
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        parts = pool.starmap(run_share, [(section, step, share, shares) for share in range(shares)], chunksize=1)
    return {number: found for part in parts for number, found in part.items()}


def run_section(section, step, jobs, failures, peers_seen):
    rows, columns = {}, {}
    outcomes = run_cases(section, step, jobs)
    for number, (row, column, _) in enumerate(section()):
        rows.setdefault(row), columns.setdefault(column)
        cell = columns[column] = columns[column] or {}
        counted = cell.setdefault(row, Cell())
        if number % step:
            continue
        found = outcomes[number]
        if isinstance(found, str):
            failures.append(f"{section.__name__}, {row}, {column}: {found}"[:400])
            counted.add({"?": (False, False)})
            continue
        counted.add(found)
        for peer, (reads, writes) in found.items():
            peers_seen[peer] += 1
            if reads is False or writes is False:
                failures.append(f"{section.__name__}, {row}, {column}: {peer} reads ours: {reads}, we read its: {writes}")
    return list(rows), columns


def table(rows, columns):
    yield "| | " + " | ".join(columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for row in rows:
        yield f"| {row} | " + " | ".join(columns[column].get(row, Cell()).text() for column in columns) + " |"


def section_text(section, step, jobs, failures, peers_seen):
    """A section of the page: its heading, how many cases there were, and its table."""
    started = time.monotonic()
    rows, columns = run_section(section, step, jobs, failures, peers_seen)
    count = sum(cell.cases for column in columns.values() for cell in column.values())
    print(f"{section.__name__}: {count} cases, {time.monotonic() - started:.0f} s, {len(failures)} failures so far", flush=True)
    share = f" (one in {step}: `--every {step}`)" if step > 1 else ""
    return "\n".join(["", f"## {section.__doc__}", "", f"{count} cases{share}.", "", *table(rows, columns)]) + "\n"


def replace_section(page, heading, text):
    """A page with another text for one section, which stands in front of the demands where it is new."""
    before, found, rest = page.partition(f"\n## {heading}\n")
    if not found:
        before, found, rest = page.partition("\n" + DEMANDS)
        return before + text + found + rest
    end = rest.find("\n## ")
    return before + text + (rest[end:] if end >= 0 else "")


def describe_theirs():
    """The peers with their versions."""
    packages = [f"{name} {importlib.metadata.version(name)}"
                for name in ("zarr", "numcodecs", "tensorstore", "zarrs", "numpy", "ml_dtypes")]
    if registry_cases.ZARRS.exists():
        lock = (ROOT / "tests/interop/zarrs_peer/Cargo.lock").read_text(encoding="utf-8")
        version = re.search(r'name = "zarrs"\nversion = "([^"]*)"', lock).group(1)
        return f"{', '.join(packages)}, and the library zarrs {version} by a program of its own"
    return ", ".join(packages) + " (the library zarrs itself was not there)"


def describe_ours():
    done = subprocess.run([cli.TESSERA, "version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def tell(failures):
    for line in failures:
        print(line)
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/conformance.md")
    parser.add_argument("--every", type=int, default=1, help="run each N-th case alone, and say so")
    parser.add_argument("--jobs", type=int, default=1, help="run so many cases at a time")
    parser.add_argument("--section", choices=[section.__name__ for section in SECTIONS], action="append",
                        help="run this section, and bring that part of the page up to date alone")
    parser.add_argument("--demands", action="store_true", help="run nothing, and bring that part of the page up to date")
    options = parser.parse_args()
    if options.demands:
        options.output.write_text(with_demands(options.output.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    failures, peers_seen = [], collections.Counter()
    if options.section:
        page = options.output.read_text(encoding="utf-8")
        for section in SECTIONS:
            if section.__name__ in options.section:
                page = replace_section(page, section.__doc__,
                                       section_text(section, options.every, options.jobs, failures, peers_seen))
        if not failures:
            options.output.write_text(page, encoding="utf-8")
        return tell(failures)
    text = "".join(section_text(section, options.every, options.jobs, failures, peers_seen) for section in SECTIONS)
    head = ["# Conformance", "",
            "Written by `make conformance` (`tests/interop/conformance.py`), which fails where a number below is not whole.",
            "",
            f"Tessera {describe_ours()} against {describe_theirs()}. A cell has two fractions: how often a peer read what Tessera had "
            "written, and how often Tessera read what a peer had written, of the times that a peer can do that at all. "
            "Values are compared bit for bit, over random shapes, chunks, fill values and data.", "",
            "What each peer cannot do is listed, with the reason, in `tests/interop/peers.py`, `codec_cases.py`, "
            "`chain_cases.py` and `registry_cases.py`. Of the extension registry one peer is the specification by hand: its "
            "sentences in NumPy (`hand.py`), for what no other program has.", "",
            "A run of everything takes three minutes on two processors without other work; parts of it are run by `--section`, every "
            "N-th case by `--every`."]
    text = "\n".join(head) + "\n" + text
    if failures:
        text += "\n## Failures\n\n" + "\n".join(f"- {line}" for line in failures) + "\n"
    options.output.write_text(with_demands(text), encoding="utf-8")
    return tell(failures)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
