"""TensorStore and Tessera write inner chunks of the same shards at the same time: neither loses what the other wrote,
and whoever reads meanwhile sees whole chunks.

Each inner chunk belongs to one process, which fills it with 1, 2, 3... TESSERA_TORTURE=1 (`make torture`) has 8 + 8
processes of 1,000 writes each; otherwise it is a small part of that.
"""

import os
import pathlib
import subprocess
import sys

import tensorstore

import tessera_cli

BUILD = pathlib.Path(os.environ.get("TESSERA", "build/release/tessera")).resolve().parent
TORTURE = BUILD / "tests" / "array" / "test_torture"
INNER, PER_SHARD, CHUNKS = 64, 16, 128
FULL = bool(os.environ.get("TESSERA_TORTURE"))
WRITERS, WRITES = (16, 1000) if FULL else (4, 40)

SPEC = """
import sys, tensorstore
def open_array(folder):
    kvstore = {"driver": "file", "path": folder + "/", "file_io_sync": False}
    return tensorstore.open({"driver": "zarr3", "kvstore": kvstore, "recheck_cached_data": True}).result()
"""
WRITE = SPEC + """
folder, first, step, writes, chunks, inner = sys.argv[1], *map(int, sys.argv[2:])
array = open_array(folder)
for i in range(writes):
    chunk = first + i % (chunks // step) * step
    array[chunk * inner:(chunk + 1) * inner].write(i // (chunks // step) + 1).result()
"""


def start_writer(folder, number):
    if number % 2:
        return subprocess.Popen([TORTURE, "write", folder, *map(str, (number, WRITERS, WRITES))])
    words = map(str, (folder / "a", number, WRITERS, WRITES, CHUNKS, INNER))
    return subprocess.Popen([sys.executable, "-c", WRITE, *words])


def last_number(chunk):
    """How often the owner of a chunk has written it."""
    turns = CHUNKS // WRITERS
    return WRITES // turns + (chunk // WRITERS < WRITES % turns)


def test_neither_loses_what_the_other_writes(tmp_path):
    tessera_cli.run("create", tmp_path / "a", "--dtype", "uint32", "--shape", CHUNKS * INNER, "--chunks", INNER,
                    "--shards", INNER * PER_SHARD, "--codec", "none")
    scope = {}
    exec(SPEC, scope)
    reader = scope["open_array"](str(tmp_path / "a"))
    writers = [start_writer(tmp_path, number) for number in range(WRITERS)]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        chunk = reads * 37 % CHUNKS
        values = set(reader[chunk * INNER:(chunk + 1) * INNER].read().result().tolist())
        assert len(values) == 1, f"chunk {chunk} is torn: {values}"
        reads += 1
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert reads > 0
    got = reader.read().result().reshape(CHUNKS, INNER)
    assert [sorted(set(row.tolist())) for row in got] == [[last_number(chunk)] for chunk in range(CHUNKS)]
    assert not list(tmp_path.rglob("*__lock"))
