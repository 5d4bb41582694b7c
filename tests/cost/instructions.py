#!/usr/bin/env python3
"""Counts the instructions that the library needs for one more small chunk, with callgrind.

    instructions.py PROGRAM

PROGRAM is read_chunks. The count of a read of many chunks less
that of a read of few, divided by the difference, is what a chunk costs, whatever the machine does
besides; system calls count nothing. A count above its row in LIMITS fails: either something on the way
of every chunk became dearer, or the row is raised in the same commit, with the reason.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

FEW, MANY = 512, 2048

# kind, store: instructions for a chunk of 1 KiB, about a tenth above what was counted when the row was
# made (gcc 12 with -O1 and -O3, which differ by 4 %; glibc 2.36, a processor with AVX2). About 550 of
# them are the copy of 64 rows of 16 bytes.
LIMITS = {
    ("raw", "memory"): 5100,
    ("lz4", "memory"): 7900,
    ("shard", "memory"): 3300,
    ("raw", "files"): 5800,
}


def count(program, kind, chunks, place, folder):
    """The instructions of both reads of one run."""
    output = folder / "counts"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=tsr_array_read",
         f"--callgrind-out-file={output}", program, kind, str(chunks), place],
        capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"instructions: {program} {kind} {chunks} {place} failed\n{done.stderr}")
    return int(found.group(1))


def cost(program, kind, store):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        counts = [count(program, kind, chunks,
                        "memory:" if store == "memory" else str(folder / str(chunks)), folder)
                  for chunks in (FEW, MANY)]
    return (counts[1] - counts[0]) / (MANY - FEW) / 2


def main():
    (program,) = sys.argv[1:]
    failed = False
    for (kind, store), limit in LIMITS.items():
        found = cost(program, kind, store)
        # Far below the limit means that the limit has stopped saying anything.
        verdict = "ok" if limit * 0.6 <= found <= limit else "FAILED"
        failed |= verdict != "ok"
        print(f"{kind:6} in {store:7} {found:7.0f} instructions a chunk, limit {limit:6}  {verdict}")
    if failed:
        sys.exit("instructions: see LIMITS in tests/cost/instructions.py")


if __name__ == "__main__":
    main()
