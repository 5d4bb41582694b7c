#!/usr/bin/env python3
"""demo_compare.py FOLDER: reads what the demo wrote with programs that know nothing of Tessera.

Every variable of the two netCDF files in FOLDER is compared, bit for bit, with the Zarr arrays that
Tessera made of it, as zarr-python and tensorstore read them, and with the netCDF file that Tessera
wrote. Exit status: 0 all equal, 1 not.
"""

import pathlib
import sys
import time

import netCDF4
import numpy
import PIL.Image
import tensorstore
import zarr


def variables(path):
    """Name -> the stored values, without netCDF4's scaling and masking, in native byte order."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return {
            name: numpy.ascontiguousarray(variable[...], dtype=variable.dtype.newbyteorder("="))
            for name, variable in file.variables.items()
        }


def with_zarr_python(path):
    return zarr.open_array(path, mode="r")[...]


def with_tensorstore(path):
    spec = {"driver": "zarr3", "kvstore": f"file://{path.resolve()}/"}
    return tensorstore.open(spec, read=True, open=True).result().read().result()


class Comparison:
    def __init__(self):
        self.different = 0

    def compare(self, reader, what, wanted, read):
        begin = time.perf_counter()
        try:
            found = numpy.ascontiguousarray(read())
        except Exception as error:  # whatever a reader says about our bytes is a finding
            verdict = f"CANNOT READ IT: {error}"
        else:
            good = found.shape == wanted.shape and found.dtype == wanted.dtype
            good = good and found.tobytes() == wanted.tobytes()
            verdict = "equal" if good else "DIFFERENT"
        self.different += verdict != "equal"
        seconds = time.perf_counter() - begin
        print(f"{reader:12} {what:22} {wanted.size:>10,} values  {seconds:6.2f} s  {verdict}")


def main():
    data = pathlib.Path(sys.argv[1])
    comparison = Comparison()
    sources = {"relief.zarr": data / "etopo5.cdf", "ocean.zarr": data / "ocean_atlas_subset.nc"}
    for store, source in sources.items():
        for name, wanted in variables(source).items():
            path = pathlib.Path(store) / name
            for reader, read in (("zarr-python", with_zarr_python), ("tensorstore", with_tensorstore)):
                comparison.compare(reader, str(path), wanted, lambda: read(path))

    relief = variables(sources["relief.zarr"])
    for reader, read in (("zarr-python", with_zarr_python), ("tensorstore", with_tensorstore)):
        comparison.compare(reader, "again.zarr", relief["ROSE"], lambda: read(pathlib.Path("again.zarr")))
    written = variables("relief.nc")
    for name, wanted in relief.items():
        comparison.compare("netCDF4", f"relief.nc/{name}", wanted, lambda: written[name])

    with PIL.Image.open("relief.png") as picture:
        pixels = numpy.asarray(picture.convert("RGB").resize((400, 200)))
        colours = len(numpy.unique(pixels.reshape(-1, 3), axis=0))
        print(f"{'pillow':12} {'relief.png':22} {picture.width} x {picture.height}, {colours} colours")
        comparison.different += colours < 100
    print("all equal" if comparison.different == 0 else f"{comparison.different} DIFFERENT")
    return 0 if comparison.different == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
