"""PyTorch on the benchmark's work: eager, or torch.compile on the parts that a user would compile."""

import math
import multiprocessing
import os
import sys
from functools import partial

import torch
import torch.nn.functional as F
from protocol import serve

THREADS = os.cpu_count()
torch.set_num_threads(THREADS)


def tensors(flat, shapes):
    """Copies of the slots of a flat array."""
    flat = torch.from_numpy(flat.copy())
    parts = flat.split([math.prod(shape) for shape in shapes])
    return [part.reshape(shape).clone() for part, shape in zip(parts, shapes)]


def flatten(parts):
    return torch.cat([part.reshape(-1) for part in parts])


def compiled(function, variant):
    return torch.compile(function, dynamic=False) if variant == "compile" else function


# the optimizee

MLP_SHAPES = [(20, 784), (20,), (10, 20), (10,)]


def mlp(activation):
    def logits(params, x):
        w1, b1, w2, b2 = params
        return F.linear(activation(F.linear(x, w1, b1)), w2, b2)

    return logits, MLP_SHAPES


def cnn():
    """Images arrive as [batch, height, width, channels], kernels as [out, height, width, in]; PyTorch's own order
    is made of both once, and channels-last memory kept, which is its faster layout on a processor."""

    def logits(params, x):
        w1, b1, w2, b2, w3, b3 = params
        x = x.view(-1, 28, 28, 1).permute(0, 3, 1, 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, w1.permute(0, 3, 1, 2), b1)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, w2.permute(0, 3, 1, 2), b2)), 2)
        return F.linear(x.permute(0, 2, 3, 1).flatten(1), w3, b3)

    return logits


def model_of(inputs, name):
    if name == "cnn":
        return cnn(), [tuple(shape) for shape in inputs.settings["cnnShapes"]]
    return mlp(torch.sigmoid if name == "mlp" else torch.relu)


def gradient_of(logits, variant):
    """(params, x, y) -> (gradients, loss)."""

    def loss(params, x, y):
        return F.cross_entropy(logits(params, x), y)

    if variant == "compile":
        return torch.compile(torch.func.grad_and_value(loss), dynamic=False)

    def gradient(params, x, y):
        leaves = [p.detach().requires_grad_() for p in params]
        value = loss(leaves, x, y)
        return torch.autograd.grad(value, leaves), value.detach()

    return gradient


def sam_gradient_of(gradient, rho):
    def sam(params, x, y, known):
        factor = rho / (flatten(known).norm() + 1e-12)
        return gradient([p + factor * g for p, g in zip(params, known)], x, y)

    return sam


# the LSTM optimizer

PHI_SHAPES = [(22, 80), (80,), (40, 80), (80,), (20, 1), (1,)]
SCALE = 0.01


def cell(x, h, c, w, b):
    i, j, f, o = torch.addmm(b, torch.cat([x, h], 1), w).chunk(4, 1)
    c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(j)
    return torch.sigmoid(o) * torch.tanh(c), c


def log_and_sign(g, k):
    size = g.abs()
    large = size >= math.exp(-k)
    log = torch.where(large, size.clamp_min(1e-30).log() / k, -1.0)
    return torch.stack([log, torch.where(large, g.sign(), math.exp(k) * g)], 1)


def lstm_update(phi, g, state, k):
    w1, b1, w2, b2, w, b = phi
    h1, c1, h2, c2 = state
    h1, c1 = cell(log_and_sign(g, k), h1, c1, w1, b1)
    h2, c2 = cell(h1, h2, c2, w2, b2)
    return SCALE * torch.addmm(b, h2, w).view(-1), (h1, c1, h2, c2)


def onednn_update(phi, k):
    """The same by torch.nn.LSTM, which runs on oneDNN: its gates are i, f, g, o, and its forget bias has the +1."""
    order = torch.cat([torch.arange(20) + 20 * gate for gate in (0, 2, 1, 3)])
    lstm = torch.nn.LSTM(2, 20, num_layers=2)
    with torch.no_grad():
        for layer, inputs in enumerate((2, 20)):
            w, b = phi[2 * layer][:, order].T, phi[2 * layer + 1][order].clone()
            b[20:40] += 1
            getattr(lstm, f"weight_ih_l{layer}").copy_(w[:, :inputs])
            getattr(lstm, f"weight_hh_l{layer}").copy_(w[:, inputs:])
            getattr(lstm, f"bias_ih_l{layer}").copy_(b)
            getattr(lstm, f"bias_hh_l{layer}").zero_()

    def update(_phi, g, state):
        h, c = state
        top, state = lstm(log_and_sign(g, k)[None], (h, c))
        return SCALE * torch.addmm(phi[5], top[0], phi[4]).view(-1), state

    return update


def zero_state(n):
    return tuple(torch.zeros(n, 20) for _ in range(4))


# the figures


class Gradient:
    def __init__(self, inputs, variant, args):
        torch.set_num_threads(THREADS)
        logits, shapes = model_of(inputs, args["model"])
        self.params = tensors(inputs[f"params.{args['model']}"], shapes)
        batch = torch.from_numpy(inputs["batches"][0].astype("int64"))
        self.x = torch.from_numpy(inputs["images"])[batch].float() / 255
        self.y = torch.from_numpy(inputs["labels"])[batch].long()
        self.gradient = gradient_of(logits, variant)

    def check(self):
        gradient, loss = self.gradient(self.params, self.x, self.y)
        return {"loss": loss.view(1).numpy(), "gradient": flatten(gradient).numpy()}

    def run(self, iterations):
        for _ in range(iterations):
            self.gradient(self.params, self.x, self.y)


class LstmStep:
    def __init__(self, inputs, variant, args):
        torch.set_num_threads(THREADS)
        n = args["n"]
        self.phi = tensors(inputs["phi"], PHI_SHAPES)
        self.start = torch.from_numpy(inputs["lstm.params"][:n].copy())
        self.g = torch.from_numpy(inputs["lstm.gradient"][:n].copy())
        if variant == "nn.LSTM":
            self.zero = lambda: (torch.zeros(2, n, 20), torch.zeros(2, n, 20))
            update = onednn_update(self.phi, inputs.settings["k"])
        else:
            self.zero = lambda: zero_state(n)
            update = partial(lstm_update, k=inputs.settings["k"])

        def step(phi, w, g, state):
            u, state = update(phi, g, state)
            return w + u, state

        self.step = compiled(step, variant)
        self.w, self.state = self.start, self.zero()

    @torch.no_grad()
    def check(self):
        w, state = self.start, self.zero()
        for _ in range(3):
            w, state = self.step(self.phi, w, self.g, state)
        return {"update": (w - self.start).numpy()}

    @torch.no_grad()
    def run(self, iterations):
        for _ in range(iterations):
            self.w, self.state = self.step(self.phi, self.w, self.g, self.state)


class Meta:
    """Outer steps on one instance: a window of truncated backpropagation and an Adam step on the LSTM's weights."""

    def __init__(self, inputs, variant, args):
        self.threads = args.get("threads", THREADS)
        torch.set_num_threads(self.threads)
        self.window, self.horizon = inputs.settings["window"], inputs.settings["horizon"]
        self.images = torch.from_numpy(inputs["images"]).float() / 255
        self.labels = torch.from_numpy(inputs["labels"]).long()
        self.batches = torch.from_numpy(inputs["meta.batches"].astype("int64"))
        self.initial = torch.from_numpy(inputs["meta.params"].copy())
        self.initial_phi = inputs["phi"]
        self.gradient = gradient_of(mlp(torch.sigmoid)[0], variant)
        self.sam = None if args["regularizer"] == "none" else sam_gradient_of(self.gradient, inputs.settings["rho"])
        self.update = compiled(partial(lstm_update, k=inputs.settings["k"]), variant)
        self.reset()

    def reset(self):
        self.phi = [p.requires_grad_() for p in tensors(self.initial_phi, PHI_SHAPES)]
        self.adam = torch.optim.Adam(self.phi, lr=1e-3, fused=True)
        self.restart()

    def restart(self):
        self.step, self.w, self.state = 0, self.initial, zero_state(len(self.initial))

    def point(self, w, batch):
        """Loss and gradient at w, and the meta-loss term's."""
        x, y = self.images[batch], self.labels[batch]
        params = [part.view(shape) for part, shape in zip(w.split([15680, 20, 200, 10]), MLP_SHAPES)]
        g, loss = self.gradient(params, x, y)
        if self.sam is None:
            g = flatten(g)
            return loss, g, loss, g
        r, meta_loss = self.sam(params, x, y, g)
        return loss, flatten(g), meta_loss, flatten(r)

    def window_gradient(self):
        """The meta-gradient of the next window, and the losses met; φ stays as it is."""
        updates, terms, losses, meta_losses = [], [], [], []
        w, state = self.w, self.state
        for t in range(self.window + 1):
            loss, g, meta_loss, r = self.point(w.detach(), self.batches[self.step + t])
            losses.append(loss)
            meta_losses.append(meta_loss)
            terms.append(r)
            if t < self.window:
                u, state = self.update(self.phi, g, state)
                updates.append(u)
                w = w + u.detach()
        cotangents = list(torch.stack(terms[1:]).flip(0).cumsum(0).flip(0))
        gradient = torch.autograd.grad(updates, self.phi, cotangents)
        self.w, self.state = w, tuple(s.detach() for s in state)
        self.step += self.window
        if self.step >= self.horizon:
            self.restart()
        return flatten(gradient), torch.stack(losses), torch.stack(meta_losses)

    def outer(self):
        gradient, losses, meta_losses = self.window_gradient()
        self.adam_step(gradient)
        return losses, meta_losses, gradient

    def adam_step(self, gradient):
        for p, g in zip(self.phi, gradient.split([p.numel() for p in self.phi])):
            p.grad = g.view(p.shape)
        self.adam.step()

    def check(self):
        self.reset()
        torch.set_num_threads(self.threads)
        losses, meta_losses, gradient = self.outer()
        second, _, _ = self.outer()
        self.reset()
        return {
            "losses": losses.numpy(),
            "metaLosses": meta_losses.numpy(),
            "metaGradient": gradient.numpy(),
            "nextLosses": second.numpy(),
        }

    def run(self, iterations):
        torch.set_num_threads(self.threads)
        for _ in range(iterations):
            self.outer()


class MetaPair(Meta):
    """The same on two instances, each in a process and a thread of its own, their meta-gradients averaged: what
    DistributedDataParallel does, without its machinery."""

    def __init__(self, inputs, variant, args):
        super().__init__(inputs, "plain", {**args, "threads": 1})
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        other = context.Process(target=second_instance, args=(theirs, inputs, args), daemon=True)
        other.start()

    def outer(self):
        self.pipe.send(("window", flatten(self.phi).detach().numpy()))
        gradient, losses, meta_losses = self.window_gradient()
        gradient = (gradient + torch.from_numpy(self.pipe.recv())) / 2
        self.adam_step(gradient)
        return losses, meta_losses, gradient

    def check(self):
        self.pipe.send(("reset", None))
        outputs = super().check()
        self.pipe.send(("reset", None))
        return outputs


def second_instance(pipe, inputs, args):
    work = Meta(inputs, "plain", {**args, "threads": 1})
    while True:
        message, phi = pipe.recv()
        if message == "reset":
            work.reset()
            continue
        work.phi = [p.requires_grad_() for p in tensors(phi, PHI_SHAPES)]
        pipe.send(work.window_gradient()[0].numpy())


class Train:
    """Training steps of one optimizer, minibatches drawn from memory."""

    def __init__(self, inputs, variant, args):
        torch.set_num_threads(THREADS)
        self.optimizer = args["optimizer"]
        self.images = torch.from_numpy(inputs["images"]).float() / 255
        self.labels = torch.from_numpy(inputs["labels"]).long()
        self.batches = torch.from_numpy(inputs["batches"].astype("int64"))
        self.initial = inputs["params.mlp"]
        self.gradient = gradient_of(mlp(torch.sigmoid)[0], variant)
        self.sam = sam_gradient_of(self.gradient, inputs.settings["rho"])
        self.phi = tensors(inputs["phi"], PHI_SHAPES)
        self.update = compiled(partial(lstm_update, k=inputs.settings["k"]), variant)
        self.reset()

    def reset(self):
        self.params = tensors(self.initial, MLP_SHAPES)
        self.state = zero_state(len(self.initial))
        self.count = 0
        if self.optimizer == "adam":
            self.rule = torch.optim.Adam(self.params, lr=0.01, fused=True)
        elif self.optimizer == "sgd-sam":
            self.rule = torch.optim.SGD(self.params, lr=0.1, fused=True)

    def step(self):
        batch = self.batches[self.count % len(self.batches)]
        self.count += 1
        x, y = self.images[batch], self.labels[batch]
        gradient, loss = self.gradient(self.params, x, y)
        if self.optimizer == "sgd-sam":
            gradient, _ = self.sam(self.params, x, y, gradient)
        if self.optimizer == "lstm":
            with torch.no_grad():
                u, self.state = self.update(self.phi, flatten(gradient), self.state)
                for p, change in zip(self.params, u.split([15680, 20, 200, 10])):
                    p += change.view(p.shape)
        else:
            for p, g in zip(self.params, gradient):
                p.grad = g
            self.rule.step()
        return loss

    def check(self):
        self.reset()
        return {"losses": torch.stack([self.step() for _ in range(20)]).numpy()}

    def run(self, iterations):
        for _ in range(iterations):
            self.step()


class Ascent:
    """Projected gradient ascent of the loss, one after the other for every radius."""

    def __init__(self, inputs, variant, args):
        torch.set_num_threads(THREADS)
        subset = torch.from_numpy(inputs["pga.images"].astype("int64"))
        self.x = torch.from_numpy(inputs["images"])[subset].float() / 255
        self.y = torch.from_numpy(inputs["labels"])[subset].long()
        self.w = torch.from_numpy(inputs["pga.params"].copy())
        self.direction = torch.from_numpy(inputs["pga.direction"].copy())
        self.radii = inputs.settings["radii"]
        self.gradient = gradient_of(mlp(torch.sigmoid)[0], variant)

    def evaluate(self, w):
        params = [part.view(shape) for part, shape in zip(w.split([15680, 20, 200, 10]), MLP_SHAPES)]
        g, loss = self.gradient(params, self.x, self.y)
        return flatten(g), loss

    def maxima(self):
        found = []
        for radius in self.radii:
            d = self.direction * (1e-3 * radius / self.direction.norm())
            losses = []
            for step in range(21):
                g, loss = self.evaluate(self.w + d)
                losses.append(loss)
                if step < 20:
                    d = d + (2.5 * radius / 20 / g.norm()) * g
                    d = d * (radius / d.norm()).clamp_max(1)
            found.append(torch.stack(losses).max())
        return torch.stack(found)

    def check(self):
        return {"maxLoss": self.maxima().numpy()}

    def run(self, iterations):
        for _ in range(iterations):
            self.maxima()


FIGURES = {"gradient": Gradient, "lstm-step": LstmStep, "meta": Meta, "train": Train, "pga": Ascent}
VARIANTS = {
    "gradient": ["plain", "compile"],
    "lstm-step": ["plain", "compile", "nn.LSTM"],
    "meta": ["plain", "compile", "2 processes"],
    "train": ["plain", "compile"],
    "pga": ["plain", "compile"],
}

if __name__ == "__main__":
    serve(
        {
            "name": "PyTorch",
            "versions": {"torch": torch.__version__, "python": sys.version.split()[0]},
            "threads": THREADS,
            "variants": VARIANTS,
            # iterations of this variant are two windows, one an instance
            "unitsPerIteration": {"meta": {"2 processes": 2}},
        },
        lambda inputs, figure, variant, args: (MetaPair if variant == "2 processes" else FIGURES[figure])(
            inputs, variant, args
        ),
    )
