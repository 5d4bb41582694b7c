#!/usr/bin/env python3
"""Counts the instructions that the library needs for one more small chunk, with callgrind.

    instructions.py PROGRAM

PROGRAM is small_chunks. The count of a read or write of many chunks less that of few, divided by
the difference, is what a chunk costs, whatever the machine does besides; system calls count
nothing. A count above its row in LIMITS fails: either something on the way
of every chunk became dearer, or the row is raised in the same commit, with the reason.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

FEW, MANY = 512, 2048

# operation, kind, store: instructions for a chunk of 1 KiB, about a tenth above what was counted when
# the row was made (gcc 12 with -O1 and -O3, which differ by 4 %; glibc 2.36, a processor with AVX2).
# About 550 of them are the copy of 64 rows of 16 bytes; of a write of lz4 most is the encoder.
LIMITS = {
    ("read", "raw", "memory"): 3650,
    ("read", "lz4", "memory"): 6700,
    ("read", "shard", "memory"): 3300,
    ("read", "raw", "files"): 4400,
    ("write", "raw", "memory"): 8600,
    ("write", "lz4", "memory"): 33400,
    ("write", "shard", "memory"): 5600,
    ("write", "raw", "files"): 14400,
}


def count(program, operation, kind, chunks, place, folder):
    """The instructions of both reads, or both writes, of one run."""
    output = folder / "counts"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--toggle-collect=tsr_array_{operation}",
         f"--callgrind-out-file={output}", program, kind, str(chunks), place],
        capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"instructions: {program} {kind} {chunks} {place} failed\n{done.stderr}")
    return int(found.group(1))


def cost(program, operation, kind, store):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        counts = [count(program, operation, kind, chunks,
                        "memory:" if store == "memory" else str(folder / str(chunks)), folder)
                  for chunks in (FEW, MANY)]
    return (counts[1] - counts[0]) / (MANY - FEW) / 2


def main():
    (program,) = sys.argv[1:]
    failed = False
    for (operation, kind, store), limit in LIMITS.items():
        found = cost(program, operation, kind, store)
        # Far below the limit means that the limit has stopped saying anything.
        verdict = "ok" if limit * 0.6 <= found <= limit else "FAILED"
        failed |= verdict != "ok"
        print(f"{operation:5} {kind:6} in {store:7} {found:7.0f} instructions a chunk, limit {limit:6}  {verdict}")
    if failed:
        sys.exit("instructions: see LIMITS in tests/cost/instructions.py")


if __name__ == "__main__":
    main()
