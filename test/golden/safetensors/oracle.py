"""Writes golden.safetensors with the reference library and checks that it reads files written by Lowland.

    python oracle.py write                     # writes golden.safetensors beside this script
    python oracle.py check FILE.safetensors    # FILE holds the same tensors and metadata
"""

import math
import pathlib
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

tensors = {
    "lstm.0.w_gates": np.array([[1, -2.5, 0.1], [3e-8, -0.0, math.inf]], np.float32),
    "linear.w": np.array([0.25, 0.5, 0.75], np.float32),
    "moments": np.array([[0.1], [-1e300]], np.float64),
    "outer.step": np.array(-7, np.int32),
    "counts": np.array([0, 4294967295], np.uint32),
    "mask": np.array([0, 1, 255], np.uint8),
    "empty": np.zeros((0, 4), np.float32),
}
metadata = {"config": '{"hidden":20} – ü'}

if sys.argv[1] == "write":
    path = pathlib.Path(__file__).with_name("golden.safetensors")
    path.write_bytes(save(tensors, metadata))
else:
    with safe_open(sys.argv[2], framework="numpy") as file:
        assert file.metadata() == metadata, file.metadata()
        assert set(file.keys()) == set(tensors), file.keys()
        for name, expected in tensors.items():
            read = file.get_tensor(name)
            assert read.dtype == expected.dtype and read.shape == expected.shape, name
            assert read.tobytes() == expected.tobytes(), name
    print("ok")
