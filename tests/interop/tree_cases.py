"""Trees: groups, attributes, consolidated copies and copies of other versions, as zarr-python makes and sees them; keys
of chunks, and chunks that are not there."""
import json
import random
import shutil

import numpy as np
import zarr

import cases
import peers
import tessera_cli as cli

# ---- trees ----

ATTRIBUTES = [
    {}, {"units": "K", "valid_range": [180, 330.5]}, {"nested": {"a": [None, True, {"b": "é\u2028"}]}, "empty": {}},
    {"large": 2**63, "small": -2**63, "pi": 3.141592653589793, "tiny": 5e-324, "text": "\"\\\n\t"},
]
DTYPES = ["int16", "float64", "bool", "uint64"]


def planned(seed):
    """Paths of a random tree: None for a group, values for an array; and attributes for all of them."""
    chance = random.Random(seed)
    nodes, groups = {"": None}, [""]
    for number in range(chance.randint(4, 9)):
        parent = chance.choice(groups)
        path = f"{parent}/n{number}".lstrip("/")
        if chance.random() < 0.4:
            nodes[path] = None
            groups.append(path)
        else:
            dtype = chance.choice(DTYPES)
            nodes[path] = np.random.default_rng(seed + number).integers(0, 2, (5, chance.randint(1, 9))).astype(dtype)
    return nodes, {path: chance.choice(ATTRIBUTES) for path in nodes}


def make_ours(place, nodes, attributes, zarr_format):
    for path, values in nodes.items():
        node = place / path
        extra = [] if values is None else [f"--shape={cli.join(values.shape)}", "--chunks=2,3", f"--dtype={values.dtype}"]
        cli.run("create", node, f"--zarr-format={zarr_format}", *extra)
        if values is not None:
            cli.put(node, values)
        if attributes[path]:
            cli.run("attr", node, *(f"{name}={json.dumps(value)}" for name, value in attributes[path].items()))


def make_theirs(place, nodes, attributes, zarr_format):
    root = zarr.open_group(place, mode="w", zarr_format=zarr_format)
    for path, values in nodes.items():
        if path == "":
            node = root
        elif values is None:
            node = root.create_group(path)
        else:
            node = root.create_array(path, shape=values.shape, chunks=(2, 3), dtype=values.dtype)
            node[...] = values
        node.attrs.update(attributes[path])


def seen_by_us(place, nodes, attributes):
    """Whether the command line finds these nodes, their elements and their attributes, and nothing else."""
    paths = {line.rstrip("/") for line in cli.run("ls", f"{place}/**").decode().split("\n") if line}
    listed = {path for path in nodes if path}
    return (paths == listed and
            all(json.loads(cli.run("attr", place / path)) == attributes[path] for path in nodes) and
            all(np.array_equal(cli.read(place / path, values.dtype, values.shape), values)
                for path, values in nodes.items() if values is not None))


def listed(node, path=""):
    """What `tree --json` has of a node and those below."""
    yield path, node
    for child in node.get("children", []):
        yield from listed(child, f"{path}/{child['name']}".lstrip("/"))


def seen_from_above(place, nodes, attributes):
    """Whether the document of the root alone tells of all nodes."""
    found = dict(listed(json.loads(cli.run("tree", place, "--json"))))
    return (set(found) == set(nodes) and found[""]["attributes"] == attributes[""] and
            all(found[path]["attributes"] == attributes[path] if values is None else
                (found[path]["shape"], found[path]["dtype"]) == (list(values.shape), str(values.dtype))
                for path, values in nodes.items()))


def seen_by_zarr_python(place, nodes, attributes, **options):
    root = zarr.open_group(place, mode="r", **options)
    found = {"": root} | dict(root.members(max_depth=None))
    return (set(found) == set(nodes) and all(dict(found[path].attrs) == attributes[path] for path in nodes) and
            all(np.array_equal(found[path][...], values) for path, values in nodes.items() if values is not None))


def tree_case(kind, zarr_format, seed):
    def run(folder):
        nodes, attributes = planned(seed)
        ours, theirs = folder / "ours", folder / "theirs"
        make_ours(ours, nodes, attributes, zarr_format)
        make_theirs(theirs, nodes, attributes, zarr_format)
        if kind == "consolidated":
            cli.run("consolidate", ours)
            zarr.consolidate_metadata(theirs, zarr_format=zarr_format)
            for place in ours, theirs:  # what it is good for: nothing else is read of the groups and arrays below
                for document in place.rglob("zarr.json" if zarr_format == 3 else ".z*"):
                    if document.parent != place and document.name != ".zmetadata":
                        document.unlink()
            return {"zarr-python": (seen_by_zarr_python(ours, nodes, attributes, use_consolidated=True),
                                    seen_from_above(theirs, nodes, attributes))}
        if kind in ("copied", "copied to the other version"):
            other = zarr_format if kind == "copied" else 5 - zarr_format
            cli.run("cp", "-r", ours, folder / "copy", f"--zarr-format={other}")
            shutil.rmtree(ours)
            cli.run("cp", "-r", theirs, ours, f"--zarr-format={other}")
            return {"zarr-python": (seen_by_zarr_python(folder / "copy", nodes, attributes, zarr_format=other),
                                    seen_by_zarr_python(ours, nodes, attributes, zarr_format=other) and
                                    seen_by_us(ours, nodes, attributes))}
        if kind == "moved and removed":
            path = sorted(path for path in nodes if path)[0]
            for place in ours, theirs:
                cli.run("mv", place / path, place / "moved")
            nodes, attributes = ({("moved" + name[len(path):] if (name + "/").startswith(path + "/") else name): value
                                  for name, value in table.items()} for table in (nodes, attributes))
            last = sorted(path for path in nodes if path)[-1]
            for place in ours, theirs:
                cli.run("rm", "-f", place / last)
            nodes = {name: value for name, value in nodes.items() if not (name + "/").startswith(last + "/")}
        return {"zarr-python": (seen_by_zarr_python(ours, nodes, attributes),
                                seen_by_zarr_python(theirs, nodes, attributes) and
                                seen_by_us(theirs, nodes, attributes))}
    return run


KINDS = ["as made", "consolidated", "copied", "copied to the other version", "moved and removed"]

# ---- keys of chunks ----

KEYS = {"default /": ("default", "/"), "default .": ("default", "."), "v2 .": ("v2", "."), "v2 /": ("v2", "/"),
        "Zarr v2 .": (None, "."), "Zarr v2 /": (None, "/")}
KEY_SHAPES = {"0 axes": (), "1 axis": (5,), "2 axes": (5, 13), "3 axes": (3, 4, 5)}


def expected_keys(name, separator, shape, chunks):
    """The files of all chunks, from the words of the specification."""
    counts = [-(-length // step) for length, step in zip(shape, chunks)]
    for index in np.ndindex(*counts):
        parts = [str(number) for number in index]
        yield separator.join(["c", *parts]) if name == "default" else separator.join(parts) or "0"


def key_case(keys, shape):
    def run(folder):
        name, separator = KEYS[keys]
        place, chunks = folder / "a", (2, 3, 2)[:len(shape)]
        values = np.random.default_rng(len(shape)).integers(1, 1000, shape).astype("int32")
        extra = ["--zarr-format=2"] if name is None else [f"--chunk-keys={name}"]
        extra += [f"--chunks={cli.join(chunks)}"] if shape else []
        cli.run("create", place, f"--shape={cli.join(shape)}", "--dtype=int32", f"--separator={separator}", *extra)
        cli.put(place, values)
        wanted = set(expected_keys(name, separator, shape, chunks))
        found = {"the specification": ({str(path.relative_to(place)) for path in place.rglob("*")
                                        if path.is_file() and path.name != "zarr.json" and path.name[0] != "."} == wanted,
                                       None)}
        case = cases.Case(0, 3 if name else 2, "int32", shape, chunks, np.int32(0), compressors=[{"id": "zstd"}])
        for peer in peers.PEERS:
            if not peer.supports(case, writing=True):
                continue
            reads = np.array_equal(peer.read(place), values)
            peer.write(place, values + 1)
            found[peer.name] = (reads, np.array_equal(cli.read(place, "int32", shape), values + 1))
            cli.put(place, values)
        return found
    return run


# ---- chunks that are not there ----

MISSING = {"none is there": None, "the first": np.s_[:2, :2], "the last": np.s_[4:, 6:], "a row": np.s_[2:4],
           "the inner ones": np.s_[2:4, 2:6]}


def missing_case(where, layout, number):
    """Only some chunks are written, by us and by each peer, over a fill value that is not zero."""
    def run(folder):
        case = cases.make_fixed(number, "float32", layout, (6, 8), (2, 2))
        case.fill = np.float32([1.5, "nan", "-0"][number % 3])
        place, found = folder / "a", {}
        expected = np.full(case.shape, case.fill)
        values = np.random.default_rng(number).integers(1, 1000, case.shape).astype("float32")
        box = MISSING[where]
        cli.create(place, case)
        if box is not None:
            text = ",".join(f"{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}"
                            for part in (box if isinstance(box, tuple) else (box,)))
            cli.put(place, values[box], text)
            expected[box] = values[box]
        bits = expected.view("u4")
        for peer in peers.PEERS:
            if not peer.supports(case, writing=True):
                continue
            reads = np.array_equal(np.ascontiguousarray(peer.read(place)).view("u4"), bits)
            theirs = folder / peer.name
            cli.create(theirs, case)
            peer.write(theirs, expected)
            found[peer.name] = (reads, np.array_equal(cli.read(theirs, "float32", case.shape).view("u4"), bits))
        return found
    return run
