"""The h5py side: the usual loop over rows of a compressed dataset, with the usual cache of HDF5."""

from time import perf_counter

import h5py
import numpy as np
from python_worker import ROWS, SIDE, Worker


class H5py(Worker):
    name = "h5py"
    version = f"{h5py.__version__}+{h5py.version.hdf5_version}"

    def ways(self, job):
        return ["indexing", "read_direct"]

    def run(self, job, way, seen):
        return self.rows(job, way, seen)

    def rows(self, job, way, seen):
        row = np.empty(SIDE, np.uint16)
        kept = np.zeros((ROWS, SIDE, SIDE), np.uint16) if seen else None
        started = perf_counter()
        with h5py.File(job.store + ".h5", "r") as file:
            array = file["R"]
            for z in range(ROWS):
                for y in range(SIDE):
                    if way == "indexing":
                        row = array[z, y]
                    else:
                        array.read_direct(row, (z, y))
                    if seen:
                        kept[z, y] = row
        seconds = perf_counter() - started
        if seen:
            seen.block(kept, (0, 0, 0))
        return seconds


H5py().serve()
