"""{{title}}, a learned optimizer, for PyTorch.

    from {{name}} import LearnedOptimizer

    optimizer = LearnedOptimizer(model.parameters(){{example}})
    ...
    loss.backward()
    optimizer.step({{stepped}})

{{about}}
"""

import json
import math
import struct
from pathlib import Path

import torch

WEIGHTS = Path(__file__).with_name("{{name}}.safetensors")

sigmoid = torch.sigmoid


def zeros(like, *shape):
    return torch.zeros(shape, device=like.device)


# if schedule
def array(like, values):
    return torch.tensor(values, device=like.device)


# end
# rule

# if shapes

def ordered(x):
    """From torch's order of axes (outputs, inputs, positions ...) to (positions ..., inputs, outputs)."""
    return x if x.ndim < 2 else x.movedim((0, 1), (-1, -2))


def torch_ordered(x):
    """The reverse."""
    return x if x.ndim < 2 else x.movedim((-1, -2), (0, 1))

# end

def read_safetensors(path):
    """The float32 tensors of a .safetensors file, by name."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = torch.frombuffer(bytearray(data[8 + length + begin : 8 + length + end]), dtype=torch.float32)
            tensors[name] = values.reshape(entry["shape"])
    return tensors


class LearnedOptimizer(torch.optim.Optimizer):
    """{{title}}.

    params: parameters, or groups of them, as for any optimizer of torch
# if lr
    lr: learning rate; a group may have its own
    weight_decay: times the learning rate; a group may have its own
# end
# if schedule
    horizon: steps of the whole training, by which the learned schedule goes
# end
    weights: the .safetensors file beside this one
    """

# if lr
    def __init__(self, params, lr={{lr}}, *, weight_decay={{decay}}, weights=WEIGHTS):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.phi = read_safetensors(weights)
# end
# if schedule
    def __init__(self, params, *, horizon, weights=WEIGHTS):
        super().__init__(params, {"horizon": horizon, "schedule": None})
        self.phi = read_safetensors(weights)
# end
# if plain
    def __init__(self, params, *, weights=WEIGHTS):
        super().__init__(params, {})
        self.phi = read_safetensors(weights)
# end

    def __getstate__(self):
        return {**super().__getstate__(), "phi": self.phi}

    def phi_on(self, device):
        """The weights where the parameters are."""
        if self.phi["{{probe}}"].device != device:
            self.phi = {name: values.to(device) for name, values in self.phi.items()}
        return self.phi

    @torch.no_grad()
# if schedule
    def step(self, closure=None, *, loss=None):
        """One step; the schedule reads the loss, from `loss` or from what `closure` returns."""
# end
# if no schedule
    def step(self, closure=None):
        """One step."""
        loss = None
# end
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
# if schedule
        if loss is None:
            raise ValueError("the schedule reads the loss: call step(loss=loss), or give a closure that returns it")
# end
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
# if schedule
            if not params:
                continue
            # one schedule for all tensors of a group, in the group, so that state_dict has it
            device = params[0].device
            phi = self.phi_on(device)
            before = group["schedule"] or start_schedule(phi)
            before = {name: value.to(device) for name, value in before.items()}
            value = torch.as_tensor(loss, dtype=torch.float32, device=device).detach()
            rate, group["schedule"] = schedule(phi, before, value, group["horizon"])
# end
            for p in params:
# if shapes
                w, g = ordered(p.float()), ordered(p.grad.float())
# end
# if no shapes
                w, g = p.float(), p.grad.float()
# end
                state = self.state[p]
# if orthogonal
                bias = p.ndim < 2
                if not state:
                    state.update(step=zeros(p), **(start_bias(w) if bias else start(w)))
# end
# if no orthogonal
                if not state:
                    state.update(step=zeros(p), **start(w))
# end
                step = state["step"].to(p.device)
                phi = self.phi_on(p.device)
# if orthogonal
                if bias:
                    u, after = update_bias(w, g, state, group["lr"], group["weight_decay"])
                else:
                    u, after = update(phi, w, g, state, step, group["lr"], group["weight_decay"])
# end
# if lr
# if no orthogonal
                u, after = update(phi, w, g, state, step, group["lr"], group["weight_decay"])
# end
# end
# if schedule
                u, after = update(phi, w, g, state, step, rate.to(p.device))
# end
# if plain
                u, after = update(phi, w, g, state, step)
# end
                state.update(step=step + 1, **after)
# if shapes
                p.add_(torch_ordered(u).to(p.dtype))
# end
# if no shapes
                p.add_(u.to(p.dtype))
# end
        return loss

    def load_state_dict(self, state_dict):
        """Resumes from what state_dict gave."""
        super().load_state_dict(state_dict)
        # torch casts states to the type of their parameters; here they are float32 whatever the parameters are
        numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
        params = [p for group in self.param_groups for p in group["params"]]
        for number, p in zip(numbers, params):
            saved = state_dict["state"].get(number, {})
            self.state[p].update({name: value.clone().to(p.device) for name, value in saved.items()})
