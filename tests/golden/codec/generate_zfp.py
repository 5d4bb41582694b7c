#!/usr/bin/env python3
"""Makes zfpy-*.cube: what zfpy 1.0.1 (zfp 1.0.1) makes of a smooth cube of 9 x 9 x 9 doubles, with its header.

zfpy is not among the packages of tools/requirements.txt: it needs a NumPy of its own."""
import math
import pathlib

import numpy as np
import zfpy

SIDE = 9
values = np.array([100 * math.sin(i % SIDE / 4.0) + i // SIDE % SIDE - i / 81.0 for i in range(SIDE ** 3)])
cube = values.reshape(SIDE, SIDE, SIDE)
for name, options in (("accuracy", {"tolerance": 0.01}), ("rate", {"rate": 24}), ("precision", {"precision": 32}),
                      ("reversible", {})):
    path = pathlib.Path(__file__).parent / f"zfpy-{name}.cube"
    path.write_bytes(zfpy.compress_numpy(cube, write_header=True, **options))
