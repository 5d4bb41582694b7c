#!/usr/bin/env python3
"""The arrays that whole programs are tried on under faults, and what must be true of them afterwards.

    tree.py make   TESSERA FOLDER            makes FOLDER
    tree.py verify TESSERA FOLDER [NAME]     after `tessera` wrote NAME (or nothing) in a copy of it
    tree.py removed TESSERA FOLDER NAME      after `tessera` removed NAME
    tree.py repaired TESSERA FOLDER          after `tessera check --data --repair hurt.zarr`
    tree.py compacted TESSERA FOLDER         after `tessera compact waste.zarr`
    tree.py published TESSERA FOLDER         after `tessera transaction t.zarr -- tessera put bare.npy {}/plain`
    tree.py made TESSERA FOLDER              after `tessera transaction --new n.zarr -- tessera cp t.zarr/sharded {}`
    tree.py collected TESSERA FOLDER         after `tessera gc versions.zarr`
    tree.py mended TESSERA FOLDER            after `tessera check --data --repair mend.zarr`
    tree.py measured TESSERA FOLDER          after `tessera` wrote kept.zarr or its statistics

The folder has t.zarr with `plain`, `sharded` and `parity` (shards with parity), each 12 x 16 uint16 of 1 in chunks of 4 x 8; bare.npy with
as many elements of 2; small.npy, small.npz and small.nc with arrays of 0..191; structs.npz; group.zarr, a group; words.zarr with strings. `verify` holds each chunk
of NAME to be old whole or new whole (all new when SWEEP_STATUS is 0), everything else to be as it was,
and `tessera check --data` to find no damage. `removed` finishes a removal that was not, and holds a new
array of the name to have nothing of the old one. hurt.zarr and waste.zarr are arrays like `sharded`; of the
first, one inner chunk is damaged, and of the second, each shard has 100 bytes that nothing refers to. `repaired`
and `compacted` run the command once more and hold nothing else to be gone. mend.zarr is like `parity`, and the same chunk
is damaged, which `mended` holds to be back, bit for bit. Values are written out here, by no code under test.
"""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import zipfile

SHAPE, CHUNK = (12, 16), (4, 8)
COUNT = SHAPE[0] * SHAPE[1]
OLD, NEW = 1, 2
HURT, MEND = "hurt.zarr/c/0/0", "mend.zarr/c/0/0"
INDEX, WASTE = 4 * 16 + 4, 100
PARTIAL = os.environ.get("TREE_SELECTION", "")


# The data of small.nc, which end that file, as a reference.
REFERENCES = """{".zgroup": {"zarr_format": 2}, "relief/.zarray": {"zarr_format": 2, "shape": [12, 16],
"chunks": [12, 16], "dtype": ">i2", "compressor": null, "filters": null, "fill_value": null, "order": "C"},
"relief/0.0": ["small.nc", %d, 384]}"""


def elements(value):
    return struct.pack(f"<{COUNT}H", *[value] * COUNT)


def npy(values):
    header = b"{'descr': '<u2', 'fortran_order': False, 'shape': (12, 16), }"
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(
        f"<{COUNT}H", *values)


def npy_structs():
    """Structures with numbers in both byte orders."""
    header = b"{'descr': [('x', '<u2'), ('in', [('y', '>i4'), ('s', '|S3')])], 'fortran_order': False, 'shape': (16,), }"
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"".join(
        struct.pack("<H", i) + struct.pack(">i", -i) + b"ab\0" for i in range(16))


def netcdf():
    """A classic file (CDF-1): dimensions y and x, and the variable `relief(y, x)` of type short."""
    def name(text):
        return struct.pack(">i", len(text)) + text.ljust(-(-len(text) // 4) * 4, b"\0")
    dimensions = struct.pack(">ii", 10, 2) + name(b"y") + struct.pack(">i", 12)
    dimensions += name(b"x") + struct.pack(">i", 16)
    absent = struct.pack(">ii", 0, 0)
    variable = struct.pack(">ii", 11, 1) + name(b"relief") + struct.pack(">iii", 2, 0, 1) + absent
    variable += struct.pack(">ii", 3, COUNT * 2)
    head = b"CDF\x01" + struct.pack(">i", 0) + dimensions + absent + variable
    return head + struct.pack(">i", len(head) + 4) + struct.pack(f">{COUNT}h", *range(COUNT))


def tiff():
    """One page of 8 x 16 bytes in two strips, packed by PackBits: each row is a run."""
    rows = b"".join(bytes([0x100 - 15, row]) for row in range(4))
    strips = rows * 2
    tags = [(256, 4, 1, 16), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 32773), (262, 3, 1, 1),
            (273, 3, 2, 8 | (8 + len(rows)) << 16), (277, 3, 1, 1), (278, 4, 1, 4),
            (279, 3, 2, len(rows) | len(rows) << 16)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(strips)) + strips + directory


WORDS = ["", "a", "more than twelve letters", "zwölf", "x" * 300, "", "the last of them"]


def make_words(folder):
    """An array of strings in two chunks of 4, each of which is bare vlen-utf8; what is behind the end is empty."""
    metadata = {"zarr_format": 3, "node_type": "array", "shape": [7], "data_type": "string",
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}},
                "chunk_key_encoding": {"name": "default"}, "fill_value": "nothing written here",
                "codecs": [{"name": "vlen-utf8"}]}
    (folder / "words.zarr" / "c").mkdir(parents=True, exist_ok=True)
    (folder / "words.zarr" / "zarr.json").write_text(json.dumps(metadata))
    for chunk in range(2):
        texts = [text.encode() for text in (WORDS + [""])[4 * chunk:4 * chunk + 4]]
        (folder / "words.zarr" / "c" / str(chunk)).write_bytes(
            struct.pack("<I", 4) + b"".join(struct.pack("<I", len(text)) + text for text in texts))


def run(*words, **options):
    return subprocess.run(words, capture_output=True, timeout=60, **options)


def make_versions(tessera, folder):
    """versions.zarr, a copy of `plain` with two versions before it."""
    for path in folder.glob("*versions*"):
        shutil.rmtree(path)
    shutil.copytree(folder / "t.zarr" / "plain", folder / "versions.zarr")
    for number in range(2):
        done = run(tessera, "transaction", folder / "versions.zarr", "--", tessera, "attr", "{}", f"n={number}")
        assert done.returncode == 0, done.stderr


def make(tessera, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tree = folder / "t.zarr"
    common = ["--shape", "12,16", "--dtype", "u2", "--chunks", "4,8", "--codec", "zstd:1"]
    for name, more in (("plain", []), ("sharded", ["--shards", "8,16"]),
                       ("parity", ["--shards", "8,16", "--parity", "4+4"])):
        for words, given in ((["create", tree / name, *common, *more], None),
                             (["put", "-", tree / name], elements(OLD))):
            done = run(tessera, *words, input=given)
            assert done.returncode == 0, (words, done.stderr)
        if name == "sharded":
            for copy in ("hurt.zarr", "waste.zarr", "kept.zarr"):
                shutil.copytree(tree / name, folder / copy)
    shutil.copytree(tree / "parity", folder / "mend.zarr")
    for hurt in (folder / HURT, folder / MEND):
        hurt.write_bytes(bytes([hurt.read_bytes()[0] ^ 1]) + hurt.read_bytes()[1:])
    for path in (folder / "waste.zarr" / "c").rglob("0"):
        if path.is_file():
            whole = path.read_bytes()
            path.write_bytes(whole[:-INDEX] + bytes(WASTE) + whole[-INDEX:])
    done = run(tessera, "stats", "--update", folder / "kept.zarr")
    assert done.returncode == 0, done.stderr
    make_words(folder)
    make_versions(tessera, folder)
    (folder / "small.npy").write_bytes(npy(range(COUNT)))
    (folder / "small.nc").write_bytes(netcdf())
    (folder / "small.tif").write_bytes(tiff())
    (folder / "refs.json").write_text(REFERENCES % (len(netcdf()) - 2 * COUNT))
    with zipfile.ZipFile(folder / "small.npz", "w") as archive:
        archive.writestr("stored.npy", npy(range(COUNT)))
        archive.writestr("deflated.npy", npy(range(COUNT)), zipfile.ZIP_DEFLATED)
    (folder / "bare.npy").write_bytes(npy([NEW] * COUNT))
    (folder / "group.zarr").mkdir()
    (folder / "group.zarr" / "zarr.json").write_text(
        '{"zarr_format": 3, "node_type": "group", "attributes": {"title": "x"}}')
    with zipfile.ZipFile(folder / "structs.npz", "w") as archive:
        archive.writestr("stored.npy", npy_structs())
        archive.writestr("deflated.npy", npy_structs(), zipfile.ZIP_DEFLATED)


def complain(text):
    sys.exit(f"tree.py: {text}")


def read(tessera, place):
    done = run(tessera, "cat", place, "--format", "raw")
    if done.returncode != 0:
        complain(f"{place} cannot be read: {done.stderr.decode()}")
    return struct.unpack(f"<{COUNT}H", done.stdout)


def wanted(row, column):
    """What a put of NEW to the whole, or to rows 2..5 and columns 3..10 only, makes of an element."""
    return NEW if not PARTIAL or (2 <= row < 6 and 3 <= column < 11) else OLD


def check_chunks(values, name, complete):
    """Each chunk is old or new; all are new when the program said so."""
    for top in range(0, SHAPE[0], CHUNK[0]):
        for left in range(0, SHAPE[1], CHUNK[1]):
            cells = [(row, column) for row in range(top, top + CHUNK[0])
                     for column in range(left, left + CHUNK[1])]
            got = [values[row * SHAPE[1] + column] for row, column in cells]
            new = got == [wanted(row, column) for row, column in cells]
            if not new and (complete or set(got) != {OLD}):
                complain(f"chunk [{top // CHUNK[0]}, {left // CHUNK[1]}] of {name} is {got}")


def verify(tessera, folder, name):
    tree = folder / "t.zarr"
    complete = os.environ.get("SWEEP_STATUS") == "0"
    for array in ("plain", "sharded", "parity"):
        values = read(tessera, tree / array)
        if array == name:
            check_chunks(values, array, complete)
        elif set(values) != {OLD}:
            complain(f"{array} was not to be written, and is {values}")
    made = folder / "made.zarr"
    if (made / "words").exists() and complete:
        done = run(tessera, "cat", made / "words", "--format", "json")
        if done.returncode != 0 or json.loads(done.stdout) != WORDS:
            complain(f"the words are {done.stdout.decode()}{done.stderr.decode()}")
    if made.exists() and complete:
        done = run(tessera, "check", "--data", made)
        if done.returncode != 0 or done.stderr:
            complain(f"what was made is not whole: {done.stdout.decode()}")
    done = run(tessera, "check", "--data", tree)
    if done.returncode != 0:
        complain(f"damage: {done.stdout.decode()}{done.stderr.decode()}")


def removed(tessera, folder, name):
    place = folder / "t.zarr" / name
    again = run(tessera, "rm", "-f", place)
    if again.returncode not in (0, 3):
        complain(f"{name} cannot be removed: {again.stderr.decode()}")
    if os.environ.get("SWEEP_STATUS") == "0" and again.returncode == 0:
        complain(f"{name} was still there")
    made = run(tessera, "create", place, "--shape", "12,16", "--dtype", "u2", "--chunks", "4,8",
               "--fill-value", str(NEW))
    if made.returncode != 0:
        complain(f"{name} cannot be made again: {made.stderr.decode()}")
    if set(read(tessera, place)) != {NEW}:
        complain(f"{name} has elements of the one that was removed")


def repaired(tessera, folder):
    """The damaged inner chunk is gone, all else is there; the damaged file lies beside the new one."""
    place = folder / "hurt.zarr"
    kept = folder / "hurt.zarr" / "c" / "0" / "__damaged-1.0"
    before = kept.read_bytes() if kept.exists() else (folder / HURT).read_bytes()
    again = run(tessera, "check", "--data", "--repair", place)
    done = run(tessera, "check", "--data", place)
    if again.returncode not in (0, 1) or done.returncode != 0:
        complain(f"it cannot be repaired: {again.stderr.decode()}{done.stdout.decode()}")
    values = read(tessera, place)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            hurt = row < CHUNK[0] and column < CHUNK[1]
            if values[row * SHAPE[1] + column] != (0 if hurt else OLD):
                complain(f"element [{row}, {column}] is {values[row * SHAPE[1] + column]}")
    if kept.read_bytes() != before or len(list(place.rglob("__damaged*"))) != 1:
        complain("the damaged file is not kept once")


def compacted(tessera, folder):
    place = folder / "waste.zarr"
    again = run(tessera, "compact", place)
    done = run(tessera, "check", "--data", "--json", place)
    if again.returncode != 0 or done.returncode != 0 or json.loads(done.stdout)["dead_bytes"] != 0:
        complain(f"it cannot be compacted: {again.stderr.decode()}{done.stdout.decode()}")
    if set(read(tessera, place)) != {OLD}:
        complain("elements are gone")


def beside(folder, name):
    """What lies in the folder with the versions of a tree, and what a commit has left around it."""
    versions = folder / f".{name}.versions__lock"
    return sorted([path.name for path in versions.glob("*")] + [path.name for path in folder.glob(".tessera*")])


def published(tessera, folder):
    """All is old or all is new; what was left is known for what it is, and goes."""
    tree = folder / "t.zarr"
    values = set(read(tessera, tree / "plain"))
    if values != {NEW} and (values != {OLD} or os.environ.get("SWEEP_STATUS") == "0"):
        complain(f"plain is {values}")
    if set(read(tessera, tree / "sharded")) != {OLD}:
        complain("sharded was not to be written")
    old = [row for row in json.loads(run(tessera, "gc", tree, "-n", "--json").stdout)["versions"]
           if row["kind"] == "replaced"]
    if len(old) != (values == {NEW}) or (old and set(read(tessera, f"{old[0]['folder']}/plain")) != {OLD}):
        complain(f"the old versions are {old}")
    done = run(tessera, "gc", tree)
    if done.returncode != 0 or beside(folder, "t.zarr") not in ([], ["lock"]):
        complain(f"{beside(folder, 't.zarr')} is left {done.stderr.decode()}")
    done = run(tessera, "check", "--data", tree)
    if done.returncode != 0:
        complain(f"damage: {done.stdout.decode()}{done.stderr.decode()}")


def made(tessera, folder):
    """There is no tree, or all of it; what was left goes, and another run makes the tree."""
    tree = folder / "n.zarr"
    if tree.exists() and set(read(tessera, tree)) != {OLD}:
        complain("a part of the tree is there")
    if os.environ.get("SWEEP_STATUS") == "0" and not tree.exists():
        complain("the tree is not there")
    done = run(tessera, "gc", tree)
    if done.returncode != 0 or beside(folder, "n.zarr") not in ([], ["lock"]):
        complain(f"{beside(folder, 'n.zarr')} is left {done.stderr.decode()}")
    if not tree.exists():
        run(tessera, "transaction", "--new", tree, "--", tessera, "cp", folder / "t.zarr" / "sharded", "{}", "--overwrite")
    if set(read(tessera, tree)) != {OLD}:
        complain("the tree cannot be made")


def collected(tessera, folder):
    """No version is left after another run, and the tree is what it was."""
    again = run(tessera, "gc", folder / "versions.zarr")
    if again.returncode != 0 or beside(folder, "versions.zarr") != ["lock"]:
        complain(f"{beside(folder, 'versions.zarr')} is left {again.stderr.decode()}")
    if set(read(tessera, folder / "versions.zarr")) != {OLD}:
        complain("the tree has changed")


def mended(tessera, folder):
    """The damaged inner chunk is back, and all else as it was; the damaged file lies beside the new one."""
    place = folder / "mend.zarr"
    again = run(tessera, "check", "--data", "--repair", place)
    done = run(tessera, "check", "--data", place)
    if again.returncode != 0 or done.returncode != 0:
        complain(f"it cannot be mended: {again.stderr.decode()}{done.stdout.decode()}")
    for path in (folder / "t.zarr" / "parity" / "c").rglob("0"):
        copy = place / "c" / path.relative_to(folder / "t.zarr" / "parity" / "c")
        if path.is_file() and path.read_bytes() != copy.read_bytes():
            complain(f"{copy} is not what it was")
    if len(list(place.rglob("__damaged*"))) != 1:
        complain("the damaged file is not kept once")


def measured(tessera, folder):
    """Each chunk is old or new, and the figures are those of the elements, whatever is kept of them."""
    place = folder / "kept.zarr"
    values = read(tessera, place)
    check_chunks(values, "kept.zarr", False)
    if not (place / "__statistics" / "zarr.json").exists():
        complain("no statistics are kept any more")
    done = run(tessera, "stats", "--json", place)
    if done.returncode != 0:
        complain(f"it cannot be measured: {done.stderr.decode()}")
    got = json.loads(done.stdout)
    mean = sum(values) / COUNT
    if (got["count"], got["min"], got["max"]) != (COUNT, min(values), max(values)) or abs(got["mean"] - mean) > 1e-12:
        complain(f"the figures are {got} of {values}")
    done = run(tessera, "check", "--data", place)
    if done.returncode != 0:
        complain(f"damage: {done.stdout.decode()}{done.stderr.decode()}")


def main():
    action, tessera, folder, *name = sys.argv[1:]
    if action == "make":
        make(tessera, pathlib.Path(folder))
    elif action == "removed":
        removed(tessera, pathlib.Path(folder), *name)
    elif action == "published":
        published(tessera, pathlib.Path(folder))
    elif action == "made":
        made(tessera, pathlib.Path(folder))
    elif action == "collected":
        collected(tessera, pathlib.Path(folder))
    elif action == "repaired":
        repaired(tessera, pathlib.Path(folder))
    elif action == "compacted":
        compacted(tessera, pathlib.Path(folder))
    elif action == "mended":
        mended(tessera, pathlib.Path(folder))
    elif action == "measured":
        measured(tessera, pathlib.Path(folder))
    else:
        verify(tessera, pathlib.Path(folder), *(name or [None]))


if __name__ == "__main__":
    main()
