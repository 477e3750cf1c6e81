"""Reads the event files beside this script with TensorBoard's own reader and writes golden.json.

    python oracle.py

The event files are those `src/runs/tensorboard.test.ts` writes.
"""

import json
import math
import pathlib

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

here = pathlib.Path(__file__).parent
accumulator = EventAccumulator(str(here), size_guidance={"scalars": 0})
accumulator.Reload()
scalars = {
    tag: [[e.step, "nan" if math.isnan(e.value) else e.value] for e in accumulator.Scalars(tag)]
    for tag in accumulator.Tags()["scalars"]
}
(here / "golden.json").write_text(json.dumps(scalars, ensure_ascii=False) + "\n")
