"""JAX on the benchmark's work: jit around whole steps, lax.scan around loops."""

import math
import os
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_tensors import TensorStep
from protocol import serve


def unflatten(flat, shapes):
    offsets = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(jnp.split(flat, offsets), shapes)]


# the optimizee, over one flat vector

MLP_SHAPES = [(20, 784), (20,), (10, 20), (10,)]


def mlp(activation):
    def logits(flat, x):
        w1, b1, w2, b2 = unflatten(flat, MLP_SHAPES)
        return activation(x @ w1.T + b1) @ w2.T + b2

    return logits


def cnn(shapes):
    def convolution(x, w, b):
        return b + lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "OHWI", "NHWC"))

    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def logits(flat, x):
        w1, b1, w2, b2, w3, b3 = unflatten(flat, shapes)
        x = pool(jax.nn.relu(convolution(x.reshape(-1, 28, 28, 1), w1, b1)))
        x = pool(jax.nn.relu(convolution(x, w2, b2)))
        return x.reshape(len(x), -1) @ w3.T + b3

    return logits


def model_of(inputs, name):
    if name == "cnn":
        return cnn([tuple(shape) for shape in inputs.settings["cnnShapes"]])
    return mlp(jax.nn.sigmoid if name == "mlp" else jax.nn.relu)


def gradient_of(logits):
    def loss(flat, x, y):
        log_p = jax.nn.log_softmax(logits(flat, x))
        return -jnp.take_along_axis(log_p, y[:, None], 1).mean()

    return jax.value_and_grad(loss)


def sam_of(gradient, rho):
    def sam(flat, x, y, g):
        return gradient(flat + rho / (jnp.linalg.norm(g) + 1e-12) * g, x, y)

    return sam


# the LSTM optimizer

PHI_SHAPES = [(22, 80), (80,), (40, 80), (80,), (20, 1), (1,)]
SCALE = 0.01


def cell(x, h, c, w, b):
    i, j, f, o = jnp.split(jnp.concatenate([x, h], 1) @ w + b, 4, 1)
    c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(j)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def log_and_sign(g, k):
    size = jnp.abs(g)
    large = size >= math.exp(-k)
    log = jnp.where(large, jnp.log(jnp.maximum(size, 1e-30)) / k, -1.0)
    return jnp.stack([log, jnp.where(large, jnp.sign(g), math.exp(k) * g)], 1)


def lstm_update(phi, g, state, k):
    w1, b1, w2, b2, w, b = unflatten(phi, PHI_SHAPES)
    h1, c1, h2, c2 = state
    h1, c1 = cell(log_and_sign(g, k), h1, c1, w1, b1)
    h2, c2 = cell(h1, h2, c2, w2, b2)
    return SCALE * (h2 @ w + b)[:, 0], (h1, c1, h2, c2)


def zero_state(n):
    return tuple(jnp.zeros((n, 20)) for _ in range(4))


def adam(p, g, moments, lr):
    """Adam, b1 = 0.9, b2 = 0.999, as optax has it."""
    count, m, v = moments
    count = count + 1
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    step = lr * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)
    return p - step, (count, m, v)


def no_moments(p):
    return jnp.zeros(()), jnp.zeros_like(p), jnp.zeros_like(p)


def data_of(inputs):
    return jnp.asarray(inputs["images"], jnp.float32) / 255, jnp.asarray(inputs["labels"], jnp.int32)


# the figures


class Gradient:
    def __init__(self, inputs, variant, args):
        batch = inputs["batches"][0]
        self.x = jnp.asarray(inputs["images"][batch], jnp.float32) / 255
        self.y = jnp.asarray(inputs["labels"][batch], jnp.int32)
        self.params = jnp.asarray(inputs[f"params.{args['model']}"])
        self.gradient = jax.jit(gradient_of(model_of(inputs, args["model"])))

    def check(self):
        loss, gradient = self.gradient(self.params, self.x, self.y)
        return {"loss": np.asarray(loss)[None], "gradient": gradient}

    def run(self, iterations):
        for _ in range(iterations):
            result = self.gradient(self.params, self.x, self.y)
        jax.block_until_ready(result)


class LstmStep:
    def __init__(self, inputs, variant, args):
        n, k = args["n"], inputs.settings["k"]
        self.phi = jnp.asarray(inputs["phi"])
        self.start = jnp.asarray(inputs["lstm.params"][:n])
        self.g = jnp.asarray(inputs["lstm.gradient"][:n])

        @partial(jax.jit, donate_argnums=(1, 3))
        def step(phi, w, g, state):
            u, state = lstm_update(phi, g, state, k)
            return w + u, state

        self.step = step
        self.w, self.state = self.start.copy(), zero_state(n)

    def check(self):
        w, state = self.start.copy(), zero_state(len(self.g))
        for _ in range(3):
            w, state = self.step(self.phi, w, self.g, state)
        return {"update": w - self.start}

    def run(self, iterations):
        for _ in range(iterations):
            self.w, self.state = self.step(self.phi, self.w, self.g, self.state)
        jax.block_until_ready(self.w)


class Meta:
    """Outer steps on one instance (variant "jit") or on two by vmap ("vmap of 2"): one compiled function of a window of
    truncated backpropagation, its gradient and Adam."""

    def __init__(self, inputs, variant, args):
        self.instances = 2 if variant == "vmap of 2" else 1
        self.window, self.horizon = inputs.settings["window"], inputs.settings["horizon"]
        self.data = data_of(inputs)
        gradient = gradient_of(mlp(jax.nn.sigmoid))
        sam = None if args["regularizer"] == "none" else sam_of(gradient, inputs.settings["rho"])
        self.batches = jnp.asarray(inputs["meta.batches"], jnp.int32)
        self.initial = jnp.asarray(inputs["meta.params"])
        self.initial_phi = jnp.asarray(inputs["phi"])
        window, k = self.window, inputs.settings["k"]

        def point(data, w, batch):
            w = lax.stop_gradient(w)
            x, y = data[0][batch], data[1][batch]
            loss, g = gradient(w, x, y)
            if sam is None:
                return loss, g, loss, g
            meta_loss, r = sam(w, x, y, g)
            return loss, g, meta_loss, r

        def surrogate(phi, w, state, batches, data):
            """Its gradient is the meta-gradient: every term is linear in w, with the loss's gradient held constant."""

            def body(carry, batch):
                w, state = carry
                loss, g, meta_loss, r = point(data, w, batch)
                u, state = lstm_update(phi, lax.stop_gradient(g), state, k)
                return (w + u, state), (loss, meta_loss, jnp.vdot(lax.stop_gradient(r), w))

            (w, state), (losses, meta_losses, terms) = lax.scan(body, (w, state), batches[:window])
            loss, _, meta_loss, r = point(data, w, batches[window])
            total = terms.sum() + jnp.vdot(lax.stop_gradient(r), w)
            losses, meta_losses = jnp.append(losses, loss), jnp.append(meta_losses, meta_loss)
            return total, (w, state, losses, meta_losses)

        meta_gradient = jax.grad(surrogate, has_aux=True)
        if self.instances > 1:
            one = jax.vmap(meta_gradient, in_axes=(None, 0, 0, None, None))

            def meta_gradient(phi, w, state, batches, data):
                g, aux = one(phi, w, state, batches, data)
                return g.mean(0), aux

        @partial(jax.jit, donate_argnums=(0, 1, 2, 3))
        def outer(phi, moments, w, state, batches, data):
            g, (w, state, losses, meta_losses) = meta_gradient(phi, w, state, batches, data)
            phi, moments = adam(phi, g, moments, 1e-3)
            return phi, moments, w, state, losses, meta_losses, g

        self.compiled = outer
        self.reset()

    def reset(self):
        self.phi = self.initial_phi.copy()
        self.moments = no_moments(self.phi)
        self.restart()

    def restart(self):
        n = len(self.initial)
        self.step, self.w, self.state = 0, self.initial.copy(), zero_state(n)
        if self.instances > 1:
            self.w, self.state = jax.tree.map(lambda a: jnp.stack([a] * self.instances), (self.w, self.state))

    def outer(self):
        batches = self.batches[self.step : self.step + self.window + 1]
        self.phi, self.moments, self.w, self.state, losses, meta_losses, g = self.compiled(
            self.phi, self.moments, self.w, self.state, batches, self.data
        )
        self.step += self.window
        if self.step >= self.horizon:
            self.restart()
        return losses, meta_losses, g

    def check(self):
        self.reset()
        losses, meta_losses, gradient = self.outer()
        second, _, _ = self.outer()
        self.reset()
        first = (lambda a: a) if self.instances == 1 else (lambda a: a[0])
        return {
            "losses": first(losses),
            "metaLosses": first(meta_losses),
            "metaGradient": gradient,
            "nextLosses": first(second),
        }

    def run(self, iterations):
        for _ in range(iterations):
            self.outer()
        jax.block_until_ready((self.phi, self.w))


class Train:
    """Training steps of one optimizer, twenty in one scan."""

    def __init__(self, inputs, variant, args):
        optimizer, k = args["optimizer"], inputs.settings["k"]
        self.data = data_of(inputs)
        gradient = gradient_of(mlp(jax.nn.sigmoid))
        sam = sam_of(gradient, inputs.settings["rho"])
        phi = jnp.asarray(inputs["phi"])
        self.batches = jnp.asarray(inputs["batches"][:20], jnp.int32)
        self.initial = jnp.asarray(inputs["params.mlp"])
        self.fresh = (lambda w: zero_state(len(w))) if optimizer == "lstm" else no_moments

        def step(data, carry, batch):
            w, state = carry
            x, y = data[0][batch], data[1][batch]
            loss, g = gradient(w, x, y)
            if optimizer == "adam":
                w, state = adam(w, g, state, 0.01)
            elif optimizer == "sgd-sam":
                w = w - 0.1 * sam(w, x, y, g)[1]
            else:
                u, state = lstm_update(phi, g, state, k)
                w = w + u
            return (w, state), loss

        @partial(jax.jit, donate_argnums=0)
        def steps(carry, batches, data):
            return lax.scan(partial(step, data), carry, batches)

        self.scan = steps
        self.reset()

    def reset(self):
        self.carry = (self.initial.copy(), self.fresh(self.initial))

    def check(self):
        self.reset()
        self.carry, losses = self.scan(self.carry, self.batches, self.data)
        return {"losses": losses}

    def run(self, iterations):
        for _ in range(iterations):
            self.carry, _ = self.scan(self.carry, self.batches, self.data)
        jax.block_until_ready(self.carry)


class Ascent:
    """Projected gradient ascent of the loss: all radii in one scan, each a scan of its own."""

    def __init__(self, inputs, variant, args):
        subset = inputs["pga.images"]
        x = jnp.asarray(inputs["images"][subset], jnp.float32) / 255
        y = jnp.asarray(inputs["labels"][subset], jnp.int32)
        gradient = gradient_of(mlp(jax.nn.sigmoid))
        self.w = jnp.asarray(inputs["pga.params"])
        self.direction = jnp.asarray(inputs["pga.direction"])
        self.radii = jnp.asarray(inputs.settings["radii"], jnp.float32)

        @jax.jit
        def maxima(w, direction, radii, x, y):
            def ascend(_, radius):
                def body(d, _):
                    loss, g = gradient(w + d, x, y)
                    d = d + (2.5 * radius / 20 / jnp.linalg.norm(g)) * g
                    return d * jnp.minimum(radius / jnp.linalg.norm(d), 1), loss

                d, losses = lax.scan(body, direction * (1e-3 * radius / jnp.linalg.norm(direction)), length=20)
                return None, jnp.maximum(losses.max(), gradient(w + d, x, y)[0])

            return lax.scan(ascend, None, radii)[1]

        self.maxima = lambda: maxima(self.w, self.direction, self.radii, x, y)

    def check(self):
        return {"maxLoss": self.maxima()}

    def run(self, iterations):
        for _ in range(iterations):
            jax.block_until_ready(self.maxima())


FIGURES = {
    "gradient": Gradient,
    "lstm-step": LstmStep,
    "tensor-step": TensorStep,
    "meta": Meta,
    "train": Train,
    "pga": Ascent,
}
VARIANTS = {figure: ["jit"] for figure in FIGURES} | {"meta": ["jit", "vmap of 2"]}

if __name__ == "__main__":
    serve(
        {
            "name": "JAX",
            "versions": {"jax": jax.__version__, "python": sys.version.split()[0]},
            "threads": os.cpu_count(),
            "variants": VARIANTS,
            # iterations count these: twenty training steps in a scan, inner steps of one window times the instances
            "unitsPerIteration": {"train": {"jit": 20}, "meta": {"vmap of 2": 2}},
        },
        lambda inputs, figure, variant, args: FIGURES[figure](inputs, variant, args),
    )
