"""Writes jax.json beside this file: what JAX draws. Run: python test/golden/random/make.py (needs jax, scipy)."""

import json
import pathlib

import jax
import numpy as np
from scipy.special import ndtri

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_threefry_partitionable", True)

data = lambda k: np.asarray(jax.random.key_data(k)).tolist()
seeds = [0, 1, 42, 2**32 - 1, 2**32, 2**53 - 1, -1]
folds = [0, 1, 2, 1000, 2**31, 2**32 - 1]
cases = []
for seed in seeds:
    k = jax.random.key(seed)
    cases.append({
        "seed": seed,
        "key": data(k),
        "split": data(jax.random.split(k)),
        "split5": data(jax.random.split(k, 5)),
        "foldIn": {str(i): data(jax.random.fold_in(k, np.uint32(i))) for i in folds},
        "bits": np.asarray(jax.random.bits(k, (9,), np.uint32)).tolist(),
        "uniform": np.asarray(jax.random.uniform(k, (9,), np.float32)).astype(float).tolist(),
        "uniformPlusMinus3": np.asarray(jax.random.uniform(k, (9,), np.float32, -3, 3)).astype(float).tolist(),
    })
p = [2.0**-33, 1e-300, 1e-20, 1e-12, 1e-11, 1e-6, 0.001, 0.0749, 0.0751, 0.25, 0.499, 0.5, 0.7, 0.9251, 0.999, 1 - 2.0**-33]
result = {
    "jax": jax.__version__,
    "cases": cases,
    "normalQuantile": [[x, float(ndtri(x))] for x in p],
}
pathlib.Path(__file__).with_name("jax.json").write_text(json.dumps(result) + "\n")
