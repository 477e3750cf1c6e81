"""The per-tensor learned optimizers in JAX, as their authors formulate them: features concatenated, one network over all."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

SCALES = jnp.array([1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000], jnp.float32)


def safe(x):
    return lax.rsqrt(jnp.maximum(x, 1e-9))


def norm(x, eps):
    axes = tuple(range(x.ndim - 1))
    return x * lax.rsqrt(eps + jnp.mean(x * x, axes, keepdims=True))


def fresh(w):
    moments = {"m": jnp.zeros(w.shape + (3,)), "r": jnp.zeros(w.shape + (1,))}
    if w.ndim < 2:
        return moments | {"v": jnp.zeros(w.shape + (3,))}
    d1, d0 = np.argsort(w.shape, kind="stable")[-2:]
    return moments | {
        "row": jnp.zeros(tuple(np.delete(w.shape, d0)) + (3,)),
        "col": jnp.zeros(tuple(np.delete(w.shape, d1)) + (3,)),
    }


def accumulate(s, g, second):
    decays = jnp.array([0.9, 0.99, 0.999], jnp.float32)
    x = g[..., None]
    out = {"m": decays * s["m"] + (1 - decays) * x, "r": second * s["r"] + (1 - second) * x * x}
    square = g * g + 1e-30
    if g.ndim < 2:
        v = decays * s["v"] + (1 - decays) * square[..., None]
        return out | {"v": v}, x * safe(v + 1e-9), None
    d1, d0 = np.argsort(g.shape, kind="stable")[-2:]
    row = decays * s["row"] + (1 - decays) * square.mean(d0)[..., None]
    col = decays * s["col"] + (1 - decays) * square.mean(d1)[..., None]
    over = d1 - 1 if d1 > d0 else d1
    rows = jnp.expand_dims(safe(row / (row.mean(over, keepdims=True) + 1e-9)), d0)
    factor = rows * jnp.expand_dims(safe(col), d1)
    shape = g.shape + (3,)
    tiled = [jnp.broadcast_to(jnp.expand_dims(t, d), shape) for t, d in ((row, d0), (col, d1))]
    return out | {"row": row, "col": col}, x * factor, (*tiled, out["m"] * factor)


def adafac(weights, w, g, s, t):
    s, f, factored = accumulate(s, g, 0.999)
    m, r = s["m"], s["r"]
    q = lax.rsqrt(r + 1e-6)
    row, col, mf = factored or (s["v"], s["v"], m * lax.rsqrt(s["v"] + 1e-6))
    x = [g[..., None], w[..., None], m, r, m * q, q, f, row, col, lax.rsqrt(row + 1e-8), lax.rsqrt(col + 1e-8), mf]
    time = jnp.broadcast_to(jnp.tanh(t / SCALES - 1), w.shape + (11,))
    out = network(weights, jnp.concatenate([norm(jnp.concatenate(x, -1), 1e-5), time], -1))
    return w - out[..., 0] * jnp.exp(0.001 * out[..., 1]) * 0.001, s


def celo2(orthogonal):
    def step(weights, w, g, s, t):
        if orthogonal and w.ndim < 2:
            m = 0.9 * s["m"] + 0.1 * g[..., None]
            r = 0.95 * s["r"] + 0.05 * (g * g)[..., None]
            return w - 0.02 * m[..., 0] * lax.rsqrt(r[..., 0] + 1e-8), s | {"m": m, "r": r}
        g = jnp.clip(g, -1000, 1000)
        s, f, factored = accumulate(s, g, 0.95)
        m, r = s["m"], s["r"]
        q = lax.rsqrt(r + 1e-8)
        x = g[..., None]
        x = [x, jnp.clip(x, -0.1, 0.1), w[..., None], m, r, m * q, q, f, x * q]
        if factored:
            row, col, mf = factored
            x += [row, col, lax.rsqrt(row + 1e-8), lax.rsqrt(col + 1e-8), mf]
        x = norm(jnp.concatenate(x, -1), 1e-9)
        first, *rest = weights
        d = network([(first[0][: x.shape[-1]], first[1]), *rest], x)[..., 0]
        if orthogonal:
            d = newton_schulz(d)
        return w - 0.001 * d * lax.rsqrt(1e-9 + jnp.mean(d * d)), s

    return step


def newton_schulz(x):
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (jnp.linalg.norm(x) + 1e-8)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


def network(weights, x):
    for i, (w, b) in enumerate(weights):
        x = x @ w + b
        if i < 2:
            x = jax.nn.relu(x)
    return x


OPTIMIZERS = {
    "adafac-mlp": (adafac, 7, (39, 4, 4, 2)),
    "celo2-base": (celo2(False), 0, (30, 8, 8, 3)),
    "celo2": (celo2(True), 0, (30, 8, 8, 3)),
}


class TensorStep:
    """All tensors of a dense network in one jit."""

    def __init__(self, inputs, variant, args):
        step, skip, layers = OPTIMIZERS[args["learned"]]
        phi = jnp.asarray(args["phi"][skip:], jnp.float32)
        weights = []
        for i, o in zip(layers, layers[1:]):
            weights.append((phi[: i * o].reshape(i, o), phi[i * o : i * o + o]))
            phi = phi[i * o + o :]
        sizes = args["sizes"]
        shapes = [shape for i, o in zip(sizes, sizes[1:]) for shape in ((o, i), (o,))]
        cuts = np.cumsum([math.prod(shape) for shape in shapes])

        def tensors(name):
            flat = inputs[name][: cuts[-1]]
            return [jnp.asarray(part.reshape(s)) for part, s in zip(np.split(flat, cuts[:-1]), shapes)]

        self.start, self.gradient = tensors("lstm.params"), tensors("lstm.gradient")

        @jax.jit
        def all_tensors(params, states, gradients, t):
            pairs = [step(weights, w, g, s, t) for w, g, s in zip(params, gradients, states)]
            return [w for w, _ in pairs], [s for _, s in pairs], t + 1

        self.step = all_tensors
        self.reset()

    def reset(self):
        self.carry = (self.start, [fresh(w) for w in self.start], jnp.float32(0))

    def advance(self):
        params, states, t = self.carry
        self.carry = self.step(params, states, self.gradient, t)

    def check(self):
        self.reset()
        for _ in range(3):
            self.advance()
        return {"update": jnp.concatenate([(a - b).ravel() for a, b in zip(self.carry[0], self.start)])}

    def run(self, iterations):
        for _ in range(iterations):
            self.advance()
        jax.block_until_ready(self.carry)
