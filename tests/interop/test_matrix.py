"""What we write is read by programs that we did not write, and the other way round, over generated cases.

A few dozen cases run here per block; TESSERA_INTEROP_CASES asks for more (make test has 280 of v3 and 160 of v2)."""
import os
import pathlib

import numpy as np
import pytest

import cases
import peers
import tessera_cli as cli

BLOCK = 20
SCALE = int(os.environ.get("TESSERA_INTEROP_SCALE", "1"))


def blocks(count):
    return range(0, count * SCALE, BLOCK)


def same_bits(left, right):
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    return left.shape == right.shape and left.tobytes() == right.astype(left.dtype).tobytes()


def check(case, folder):
    """Returns how many peers agreed."""
    place = pathlib.Path(folder) / f"{case.zarr_format}-{case.number}.zarr"
    values = cases.values(case)
    cli.create(place, case)
    if values.size:
        cli.put(place, values)
    assert same_bits(values, cli.read(place, case.dtype, case.shape)), f"our own reading: {case}"
    agreed = 0
    for peer in peers.PEERS:
        if not peer.supports(case):
            continue
        assert same_bits(values, peer.read(place)), f"{peer.name} reads ours: {case}"
        agreed += 1
        if values.size and peer.supports(case, writing=True):
            turned = np.ascontiguousarray(values[::-1]) if values.ndim else values
            peer.write(place, turned)
            assert same_bits(turned, cli.read(place, case.dtype, case.shape)), f"we read {peer.name}'s: {case}"
            peer.write(place, values)
    return agreed


@pytest.mark.parametrize("first", blocks(280))
def test_v3(first, tmp_path):
    made = [cases.make(number, 3) for number in range(first, first + BLOCK)]
    agreed = [check(case, tmp_path) for case in made]
    assert all(agreed), "every case has at least one independent reader"


@pytest.mark.parametrize("first", blocks(160))
def test_v2(first, tmp_path):
    made = [cases.make(number, 2) for number in range(first, first + BLOCK)]
    agreed = [check(case, tmp_path) for case in made]
    assert all(agreed), "every case has at least one independent reader"


def test_the_cases_cover_the_matrix():
    made = [cases.make(number, 3) for number in range(280)]
    assert {(c.dtype, c.layout) for c in made} == {(t, l) for t in cases.TYPES for l in cases.LAYOUTS}
    assert {len(c.shape) for c in made} == {0, 1, 2, 3, 4}
    assert {c.data for c in made} == {"random", "filled", "sparse"}
    cycles = [k for c in made for k in walk(c.codecs) if k["name"] == "transpose" and
              k["configuration"]["order"] in ([1, 2, 0], [2, 0, 1])]
    assert len(cycles) >= 10, "transposes that are not their own inverse"
    v2 = [cases.make(number, 2) for number in range(160)]
    assert {c.order for c in v2} == {"C", "F"} and any(c.big_endian for c in v2)
    assert {str(c.compressors) for c in v2} == {str(k) for k in cases.V2_COMPRESSORS}


def walk(codecs):
    for codec in codecs:
        yield codec
        yield from walk(codec.get("configuration", {}).get("codecs", []))


@pytest.mark.parametrize("first", blocks(60))
def test_parts_are_written_and_read_as_numpy_would(first, tmp_path):
    """Partial writes merge into chunks and shards that others wrote, and slices are slices of the whole."""
    for number in range(first, first + BLOCK):
        case = cases.make(number * 7 + 3, 3)
        if not case.shape or 0 in case.shape:
            continue
        chance = np.random.default_rng(number)
        place = tmp_path / f"{number}.zarr"
        values = cases.values(case)
        cli.create(place, case)
        cli.put(place, values)
        for _ in range(3):
            slices, text = some_slices(chance, case.shape)
            part = np.flip(values[slices]).copy()
            if part.size == 0:
                continue
            values[slices] = part
            cli.put(place, part, text)
            slices, text = some_slices(chance, case.shape)
            expected = np.ascontiguousarray(values[slices])
            assert same_bits(expected, cli.read(place, case.dtype, expected.shape, text)), f"{text} of {case}"
        for peer in peers.PEERS:
            if peer.supports(case):
                assert same_bits(values, peer.read(place)), f"{peer.name} after parts: {case}"


def some_slices(chance, shape):
    slices, texts = [], []
    for length in shape:
        start, stop = sorted(int(n) for n in chance.integers(0, length + 1, 2))
        step = int(chance.choice([1, 1, 2, 3, -1, -2]))
        if step < 0:
            start, stop = stop, start
            text = f"{start}:{stop}:{step}"
            slices.append(slice(start, stop, step))
        else:
            text = f"{start}:{stop}:{step}"
            slices.append(slice(start, stop, step))
        texts.append(text)
    return tuple(slices), ",".join(texts)
