"""JSON lines between the benchmark and a Python peer: one request in, one answer out.

hello -> what the peer is; load -> reads the inputs; check -> outputs of one variant; time -> seconds for N iterations.
"""

import base64
import json
import os
import sys
import time
import traceback

import numpy as np


class Inputs:
    """The arrays the runner wrote: manifest.json and one raw file each."""

    def __init__(self, folder):
        with open(os.path.join(folder, "manifest.json")) as file:
            manifest = json.load(file)
        self.settings = manifest["settings"]
        self.arrays = {
            name: np.fromfile(os.path.join(folder, entry["file"]), entry["dtype"]).reshape(entry["shape"])
            for name, entry in manifest["arrays"].items()
        }

    def __getitem__(self, name):
        return self.arrays[name]


def serve(hello, make):
    """Answers requests until stdin ends. `make(inputs, figure, variant, args)` returns an object with
    `check()` -> {name: array} and `run(iterations)`, which returns when the results are there."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    inputs = None
    made = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            op = request["op"]
            if op == "hello":
                result = hello
            elif op == "load":
                inputs = Inputs(request["folder"])
                made.clear()
                result = {}
            else:
                work = (request["figure"], request["variant"], json.dumps(request["args"], sort_keys=True))
                if work not in made:
                    made[work] = make(inputs, request["figure"], request["variant"], request["args"])
                if op == "check":
                    result = {name: encode(value) for name, value in made[work].check().items()}
                else:
                    start = time.perf_counter()
                    made[work].run(request["iterations"])
                    result = {"seconds": time.perf_counter() - start}
            answer = {"result": result}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def encode(value):
    return base64.b64encode(np.ascontiguousarray(value, dtype="<f4").tobytes()).decode()
