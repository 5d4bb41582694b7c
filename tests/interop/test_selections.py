"""Selections of every kind, from and to arrays of random shapes and layouts, against NumPy.

Both sides are given the same chain of selections: NumPy applies it to an array of element numbers,
which is an independent account of which element stands where; the library composes it into one
selection and reads or writes once. SELECTION_EXAMPLES sets how many examples each test tries.
"""

import itertools
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

BUILD = pathlib.Path(os.environ.get("TESSERA", "build/release/tessera")).resolve().parent
DRIVER = BUILD / "tests" / "interop" / "selection_driver"
EXAMPLES = int(os.environ.get("SELECTION_EXAMPLES", "150"))
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 150,
                    suppress_health_check=list(HealthCheck))


class Refused(Exception):
    """What the library said to a command that it did not do."""


class Driver:
    def __init__(self):
        self.process = subprocess.Popen([DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, *words, payload=b""):
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n" + payload)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().split()
        if answer[:1] != ["ok"]:
            raise Refused(" ".join(answer))
        return [int(word) for word in answer[1:]]

    def read(self, dtype="int32", how="dense"):
        _, *shape = self.tell("read", dtype, how)
        count = int(np.prod(shape, dtype=int))
        size = count * np.dtype(dtype).itemsize
        return np.frombuffer(self.process.stdout.read(size), dtype).reshape(shape)

    def write(self, values, how="view"):
        payload = np.ascontiguousarray(values).tobytes()
        self.tell("write", values.dtype.name, how, len(payload), payload=payload)


@pytest.fixture(scope="module")
def driver():
    with Driver().process as process:
        it = Driver.__new__(Driver)
        it.process = process
        yield it
        process.stdin.close()


# ---- arrays ----

SHARD = """[{"name": "sharding_indexed", "configuration": {"chunk_shape": %s, "codecs": %s,
 "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]}}]"""
LITTLE, BIG = ([{"name": "bytes", "configuration": {"endian": end}}] for end in ("little", "big"))
ZSTD = [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}]


@st.composite
def edge_lists(draw, shape, inner):
    """Lengths of chunks along each axis, multiples of those of `inner`, which reach the end or go beyond."""
    axes = []
    for length, step in zip(shape, inner):
        lengths = draw(st.lists(st.integers(1, 5).map(lambda n: n * step), min_size=1, max_size=5))
        while sum(lengths) < length:
            lengths.append(step * draw(st.integers(1, 4)))
        axes.append(lengths)
    return json.dumps(axes, separators=(",", ":"))


@st.composite
def layouts(draw, max_rank=4, several=True):
    """Arguments of the driver's `array`, and the shape; `several`: chunks of several lengths, too."""
    rank = draw(st.integers(0, max_rank))
    inner = [draw(st.integers(1, 4)) for _ in range(rank)]
    middle = [length * draw(st.integers(1, 2)) for length in inner]
    shard = [length * draw(st.integers(1, 3)) for length in middle]
    shape = [draw(st.integers(0, 13)) for _ in range(rank)]
    kinds = ["plain", "sharded", "nested", "turned", "packed", "big", "v2 C", "v2 F"]
    kind = draw(st.sampled_from(kinds + ["rectilinear", "shards of several lengths"] * several))
    keys, edges = draw(st.sampled_from(["-", "-", "v2", "tessera.hashed", "tessera.morton"])), "-"
    turn = draw(st.permutations(range(rank)))
    zarr_format, order, chunk, shards, codecs = 3, "C", inner, [0] * rank, "-"
    if kind == "sharded" and rank:
        shards = shard
    elif kind == "nested":
        deepest = json.dumps(BIG + ZSTD)
        chunk, codecs = shard, SHARD % (middle, SHARD % (inner, deepest))
    elif kind == "turned":
        turned = [inner[axis] for axis in turn]
        codecs = json.loads(SHARD % (turned, json.dumps(LITTLE + ZSTD)))
        codecs = json.dumps([{"name": "transpose", "configuration": {"order": turn}}] + codecs)
        chunk = shard
    elif kind == "packed":
        codecs = json.dumps(json.loads(SHARD % (inner, json.dumps(LITTLE))) + ZSTD)
        chunk = middle
    elif kind == "big":
        codecs = json.dumps([{"name": "transpose", "configuration": {"order": turn}}] + BIG)
    elif kind.startswith("v2"):
        zarr_format, order, keys = 2, kind[-1], "-"
    elif kind == "rectilinear" and rank:
        edges = draw(edge_lists(shape, [1] * rank))
    elif kind == "shards of several lengths" and rank:
        shards, edges = inner, draw(edge_lists(shape, inner))
    words = [zarr_format, order, rank, *shape, *chunk, *shards, "int32", keys, edges, codecs.replace("\n", "")]
    return words, tuple(shape)


# ---- selections ----

def listed(values):
    """A list or mask as the driver takes it."""
    values = np.asarray(values)
    name = "bool" if values.dtype == bool else "int64"
    shape = "x".join(map(str, values.shape))
    return f"@{name}:{shape}:" + " ".join(str(int(value)) for value in values.ravel())


@st.composite
def ranges(draw, length):
    bound = st.one_of(st.none(), st.integers(-length - 2, length + 2))
    return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 1, 2, 3, -1, -2, 20])))


def positions(length):
    return st.integers(-length, length - 1)


@st.composite
def lists(draw, length, shape):
    count = int(np.prod(shape, dtype=int))
    if length == 0 and count:
        return np.zeros((0,) * max(len(shape), 1), int)
    values = [draw(positions(length)) for _ in range(count)]
    if draw(st.booleans()):
        values.sort()
    return np.array(values, int).reshape(shape)


def masks(shape):
    count = int(np.prod(shape, dtype=int))
    return st.lists(st.booleans(), min_size=count, max_size=count).map(
        lambda values: np.array(values, bool).reshape(shape))


def text_of(term):
    if term is None:
        return "None"
    if term is Ellipsis:
        return "..."
    if isinstance(term, slice):
        return ":".join("" if part is None else str(part) for part in (term.start, term.stop, term.step))
    if isinstance(term, np.ndarray):
        return listed(term)
    return str(term)


@st.composite
def terms(draw, shape, kinds):
    """A list of NumPy's terms for some of the axes. Lists among them can be broadcast."""
    common = draw(st.sampled_from([(3,), (1,), (0,), (5,), (2, 3), ()]))
    result, axis = [], 0
    covered = draw(st.integers(0, len(shape)))
    while axis < covered:
        kind = draw(st.sampled_from(kinds))
        if kind == "position" and shape[axis] > 0:
            result.append(draw(positions(shape[axis])))
        elif kind == "list":
            own = tuple(draw(st.sampled_from([length, 1])) for length in common)
            own = own[draw(st.integers(0, len(own))):]
            result.append(draw(lists(shape[axis], own)))
        elif kind == "mask":
            wide = draw(st.integers(1, min(2, covered - axis)))
            result.append(draw(masks(shape[axis:axis + wide])))
            axis += wide - 1
        elif kind == "new":
            result.append(None)
            axis -= 1 if sum(term is None for term in result) < 3 else 0
            if axis >= 0 and result[-1] is None and sum(term is None for term in result) >= 3:
                result.pop()
                result.append(draw(ranges(shape[axis])))
        else:
            result.append(draw(ranges(shape[axis])))
        axis += 1
    if draw(st.integers(0, 3)) == 0:
        # Between the items: the axes that are not covered move there.
        result = result + [Ellipsis]
    return result


def outer(values, items):
    """What `items` select of `values` when each list stands alone."""
    result, axis = values, 0
    for item in items:
        if item is Ellipsis:
            axis = result.ndim
        elif item is None:
            result, axis = np.expand_dims(result, axis), axis + 1
        elif isinstance(item, np.ndarray) and item.dtype == bool:
            flat = result.reshape(result.shape[:axis] + (-1,) + result.shape[axis + item.ndim:]) \
                if 0 not in result.shape else \
                np.zeros(result.shape[:axis] + (item.size,) + result.shape[axis + item.ndim:], result.dtype)
            result, axis = np.take(flat, np.flatnonzero(item), axis), axis + 1
        elif isinstance(item, np.ndarray):
            result, axis = np.take(result, item, axis), axis + item.ndim
        elif isinstance(item, slice):
            result, axis = result[(slice(None),) * axis + (item,)], axis + 1
        else:
            result = np.take(result, item, axis)
    return result


def in_front(values, items):
    """What `items` select when lists go together and their axes come first."""
    if not any(isinstance(item, np.ndarray) for item in items):
        return values[tuple(items)]
    # A new axis in front, fixed by a list of one 0, makes the lists no neighbours, so that NumPy
    # itself puts their axes in front.
    return values[np.newaxis][(np.array(0), np.newaxis) + tuple(items)].squeeze(
        max(np.broadcast(*[np.empty(item.shape if item.dtype != bool else (np.count_nonzero(item),))
                           for item in items if isinstance(item, np.ndarray)],
                         *[np.empty(())]).ndim, 0))


MODES = {
    "numpy": (("range", "position", "list", "mask", "new", "range"), lambda values, items: values[tuple(items)]),
    "orthogonal": (("range", "position", "list", "mask", "new"), outer),
    "pointwise": (("range", "list", "list", "mask"), in_front),
    "basic": (("range", "position", "new", "range"), lambda values, items: values[tuple(items)]),
}


def apply(mode, values, items):
    """What NumPy makes of it; None where it refuses."""
    try:
        return MODES[mode][1](values, items)
    except (IndexError, ValueError):
        return None


@st.composite
def chains(draw, shape, most=3, modes=tuple(MODES)):
    """Commands that select, and the numbers of the elements that they leave."""
    numbers = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    commands = []
    for _ in range(draw(st.integers(0, most))):
        if draw(st.integers(0, 5)) == 0:
            order = draw(st.permutations(range(numbers.ndim)))
            numbers = numbers.transpose(order)
            commands.append(("order", *order))
            continue
        mode = draw(st.sampled_from(modes))
        items = draw(terms(numbers.shape, MODES[mode][0]))
        left = apply(mode, numbers, items)
        if left is None or left.size > 4000 or left.ndim > 12:
            continue
        numbers = np.asarray(left)
        text = ", ".join(map(text_of, items))
        commands.append(("then", "numpy" if mode == "basic" else mode, text))
    return commands, numbers


def start(driver, words, shape):
    """A new array whose elements are 1000 more than their numbers, but for the last third of the
    first axis, which is not written; returns what is in it."""
    driver.tell("array", *words)
    values = np.arange(int(np.prod(shape, dtype=int)), dtype=np.int32).reshape(shape) + 1000
    if shape:
        written = shape[0] - shape[0] // 3
        values[written:] = 0
        driver.tell("then", "numpy", f":{written}")
        driver.write(values[:written])
        driver.tell("all")
    else:
        driver.write(values)
    return values


@SETTINGS
@given(data=st.data(), layout=layouts(), how=st.sampled_from(["dense", "strided", "sink"]),
       dtype=st.sampled_from(["int32", "int32", "float64", "int8"]))
def test_reads(driver, data, layout, how, dtype):
    words, shape = layout
    commands, numbers = data.draw(chains(shape))
    values = start(driver, words, shape)
    for command in commands:
        driver.tell(*command)
    if how == "sink":
        dtype = "int32"
    found = driver.read(dtype, how)
    wanted = values.ravel()[numbers]
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found, wanted.astype(dtype))


@SETTINGS
@given(data=st.data(), layout=layouts(max_rank=3), how=st.sampled_from(["view", "source"]),
       dtype=st.sampled_from(["int32", "int32", "int16"]))
def test_writes(driver, data, layout, how, dtype):
    """Of elements that are named more than once the last one in C order wins, as in NumPy."""
    words, shape = layout
    commands, numbers = data.draw(chains(shape, most=2))
    values = start(driver, words, shape)
    for command in commands:
        driver.tell(*command)
    if how == "source":
        dtype = "int32"
    new = -1 - np.arange(numbers.size, dtype=dtype).reshape(numbers.shape)
    driver.write(new, how)
    wanted = values.copy().ravel()
    wanted[numbers.ravel()] = new.ravel()
    driver.tell("all")
    np.testing.assert_array_equal(driver.read(), wanted.reshape(shape))


@SETTINGS
@given(data=st.data(), layout=layouts(several=False))
def test_blocks(driver, data, layout):
    words, shape = layout
    rank = len(shape)
    sharded = rank > 0 and words[3 + 2 * rank] > 0
    chunk = words[3 + 2 * rank:3 + 3 * rank] if sharded else words[3 + rank:3 + 2 * rank]
    values = start(driver, words, shape)
    grid = [-(-length // step) for length, step in zip(shape, chunk)]
    first = [data.draw(st.integers(0, count)) for count in grid]
    count = [data.draw(st.integers(0, total - at)) for total, at in zip(grid, first)]
    driver.tell("blocks", *first, *count)
    box = tuple(slice(at * step, (at + many) * step) for at, many, step in zip(first, count, chunk))
    np.testing.assert_array_equal(driver.read(), values[box])
    new = -1 - np.arange(values[box].size, dtype=np.int32).reshape(values[box].shape)
    driver.write(new)
    wanted = np.array(values)
    wanted[box] = new
    driver.tell("all")
    np.testing.assert_array_equal(driver.read(), wanted)
    for axis in range(rank):
        wrong = list(count)
        wrong[axis] = grid[axis] - first[axis] + 1
        driver.tell("all")
        with pytest.raises(Refused, match="OUT_OF_BOUNDS"):
            driver.tell("blocks", *first, *wrong)


def test_numpy_refuses_the_same(driver):
    """Every list of up to two terms on a small array is refused by both or by none."""
    driver.tell("array", 3, "C", 2, 3, 2, 2, 2, 0, 0, "int32", "-", "-", "-")
    values = np.zeros((3, 2), np.int32)
    candidates = [0, -3, 2, 3, slice(None), slice(5, 1, -1), None, Ellipsis, np.array([0, 2]),
                  np.array([0, 1, 1]), np.array([[0], [1]]), np.array([], int), np.array([True, False]),
                  np.array([True, False, True]), np.ones((3, 2), bool), np.ones((2, 3), bool)]
    refusals = 0
    for items in itertools.chain(*(itertools.product(candidates, repeat=count) for count in range(4))):
        wanted = apply("numpy", values, items)
        try:
            driver.tell("all")
            driver.tell("then", "numpy", ", ".join(map(text_of, items)))
            found = driver.read()
        except Refused:
            found = None
            refusals += 1
        assert (found is None) == (wanted is None), items
        assert wanted is None or found.shape == wanted.shape, items
    assert refusals > 100
