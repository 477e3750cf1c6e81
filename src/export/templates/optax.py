"""{{title}}, a learned optimizer, for JAX and optax.

    from {{name}} import learned_optimizer

    optimizer = learned_optimizer({{example}})
    state = optimizer.init(params)
    ...
    updates, state = optimizer.update(grads, state, params{{stepped}})
    params = optax.apply_updates(params, updates)

{{about}}
"""

import json
import math
import struct
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

WEIGHTS = Path(__file__).with_name("{{name}}.safetensors")

sigmoid = jax.nn.sigmoid


def zeros(like, *shape):
    return jnp.zeros(shape, jnp.float32)


# if schedule
def array(like, values):
    return jnp.array(values, jnp.float32)


# end
# rule


def read_safetensors(path):
    """The float32 tensors of a .safetensors file, by name."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + begin : 8 + length + end], np.float32)
            tensors[name] = jnp.array(values.reshape(entry["shape"]))
    return tensors


class LearnedOptimizerState(NamedTuple):
    step: jax.Array
    # one for each leaf of the parameters
    tensors: tuple
# if schedule
    schedule: dict
# end


# if lr
def learned_optimizer(learning_rate={{lr}}, *, weight_decay={{decay}}, weights=WEIGHTS):
# end
# if schedule
def learned_optimizer(horizon, *, weights=WEIGHTS):
# end
# if plain
def learned_optimizer(*, weights=WEIGHTS):
# end
    """{{title}}, as a gradient transformation.

# if lr
    learning_rate: a number, or a schedule: a function of the steps so far
    weight_decay: times the learning rate
# end
# if schedule
    horizon: steps of the whole training, by which the learned schedule goes
# end
    weights: the .safetensors file beside this one
    """
    phi = read_safetensors(weights)

# if orthogonal
    def start_leaf(w):
        return start_bias(w) if w.ndim < 2 else start(w)

# end
    def init(params):
# if orthogonal
        tensors = tuple(start_leaf(jnp.asarray(w)) for w in jax.tree.leaves(params))
# end
# if no orthogonal
        tensors = tuple(start(jnp.asarray(w)) for w in jax.tree.leaves(params))
# end
# if schedule
        return LearnedOptimizerState(jnp.zeros((), jnp.int32), tensors, start_schedule(phi))
# end
# if no schedule
        return LearnedOptimizerState(jnp.zeros((), jnp.int32), tensors)
# end

# if schedule
    def update_all(grads, state, params=None, *, value, **_):
# end
# if no schedule
    def update_all(grads, state, params=None):
# end
        if params is None:
            raise ValueError(optax.NO_PARAMS_MSG)
        leaves, tree = jax.tree.flatten(grads)
        step = state.step.astype(jnp.float32)
# if lr
        lr = learning_rate(state.step) if callable(learning_rate) else learning_rate
# end
# if schedule
        rate, scheduled = schedule(phi, state.schedule, jnp.asarray(value, jnp.float32), horizon)
# end
        updates, tensors = [], []
        for p, grad, own in zip(tree.flatten_up_to(params), leaves, state.tensors):
            w, g = jnp.asarray(p, jnp.float32), jnp.asarray(grad, jnp.float32)
# if orthogonal
            if w.ndim < 2:
                u, after = update_bias(w, g, own, lr, weight_decay)
            else:
                u, after = update(phi, w, g, own, step, lr, weight_decay)
# end
# if lr
# if no orthogonal
            u, after = update(phi, w, g, own, step, lr, weight_decay)
# end
# end
# if schedule
            u, after = update(phi, w, g, own, step, rate)
# end
# if plain
            u, after = update(phi, w, g, own, step)
# end
            updates.append(u.astype(jnp.asarray(p).dtype))
            tensors.append(after)
# if schedule
        after = LearnedOptimizerState(state.step + 1, tuple(tensors), scheduled)
# end
# if no schedule
        after = LearnedOptimizerState(state.step + 1, tuple(tensors))
# end
        return jax.tree.unflatten(tree, updates), after

# if schedule
    return optax.GradientTransformationExtraArgs(init, update_all)
# end
# if no schedule
    return optax.GradientTransformation(init, update_all)
# end
