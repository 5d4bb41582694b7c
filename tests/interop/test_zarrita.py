"""zarrita.js reads what it can of what we write: another language, another author."""
import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

import cases
import tessera_cli as cli

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = ROOT / "build/node/node_modules"
SCRIPT = """
import * as zarr from "zarrita";
import { FileSystemStore } from "@zarrita/storage";
for (const place of process.argv.slice(2)) {
    const array = await zarr.open.v3(new FileSystemStore(place), { kind: "array" });
    const values = [];
    const got = await zarr.get(array);
    const { data, shape, stride } = array.shape.length ? got : { data: [got], shape: [], stride: [] };
    const visit = (axis, at) => {
        if (axis === shape.length) values.push(Number(data[at]));
        else for (let i = 0; i < shape[axis]; i++) visit(axis + 1, at + i * stride[axis]);
    };
    visit(0, 0);
    console.log(JSON.stringify(values));
}
"""


def reads_rightly(case):
    """zarrita has no index at the start, no shards in shards, nothing around shards, no gzip encoder, no 16-bit floats everywhere."""
    names = [c["name"] for c in case.codecs]
    return (case.layout in ("plain", "end") and 0 not in case.shape and "transpose" not in names and
            case.dtype in ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64"))


@pytest.mark.skipif(not (MODULES / "zarrita").exists() or not shutil.which("node"), reason="no zarrita in build/node")
def test_zarrita_reads_ours(tmp_path):
    chosen = [case for case in (cases.make(number, 3) for number in range(400)) if reads_rightly(case)]
    assert len(chosen) >= 20
    places, expected = [], []
    for case in chosen:
        place = tmp_path / f"{case.number}.zarr"
        generator = np.random.default_rng(case.number)
        values = generator.integers(0, 100, case.shape).astype(case.dtype)
        if np.isnan(case.fill) or np.isinf(case.fill):
            case.fill = np.dtype(case.dtype).type(1)
        cli.create(place, case)
        cli.put(place, values)
        places.append(place)
        expected.append(values)
    script = tmp_path / "read.mjs"
    script.write_text(SCRIPT)
    (tmp_path / "node_modules").symlink_to(MODULES)
    done = subprocess.run(["node", str(script), *map(str, places)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for case, values, line in zip(chosen, expected, done.stdout.splitlines(), strict=True):
        assert json.loads(line) == [float(v) for v in values.reshape(-1)], str(case)
