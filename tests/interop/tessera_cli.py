"""The command line as the tests of interoperability use it: create, put, cat."""
import json
import os
import subprocess

import numpy as np

TESSERA = os.environ.get("TESSERA", "build/release/tessera")


class CommandError(Exception):
    pass


def run(*arguments, data=None):
    done = subprocess.run([TESSERA, *map(str, arguments)], input=data, capture_output=True, timeout=120)
    if done.returncode != 0:
        raise CommandError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr.decode()}")
    return done.stdout


def join(numbers):
    return ",".join(str(n) for n in numbers)


def fill_text(value):
    """Fill-value JSON of a NumPy scalar."""
    if value.dtype.kind == "b":
        return "true" if value else "false"
    if value.dtype.kind == "c":
        return json.dumps([float_text(value.real), float_text(value.imag)])
    if value.dtype.kind == "f":
        text = float_text(value)
        return text if isinstance(text, str) else repr(text)
    return str(int(value))


def float_text(value):
    value = float(value)
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def create(place, case):
    arguments = ["create", place, f"--shape={join(case.shape)}", f"--dtype={case.dtype}",
                 f"--fill-value={fill_text(case.fill)}", f"--zarr-format={case.zarr_format}"]
    if case.chunks:
        arguments.append(f"--chunks={join(case.chunks)}")
    if case.zarr_format == 3:
        arguments.append(f"--codecs={json.dumps(case.codecs)}")
    else:
        arguments += [f"--compressors={json.dumps(case.compressors)}", f"--order={case.order}"]
        if case.filters:
            arguments.append(f"--filters={json.dumps(case.filters)}")
        if case.big_endian:
            arguments.append('--serializer={"name":"bytes","configuration":{"endian":"big"}}')
    if case.separator:
        arguments.append(f"--separator={case.separator}")
    run(*arguments)


def put(place, values, selection=None):
    arguments = ["put", "-", place] + (["--select", selection] if selection else [])
    little = values.astype(values.dtype.newbyteorder("<"))
    run(*arguments, data=np.ascontiguousarray(little).tobytes())


def read(place, dtype, shape, selection=None):
    arguments = ["cat", place, "--format", "raw"] + (["--select", selection] if selection else [])
    little = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(run(*arguments), little).astype(dtype).reshape(shape)
