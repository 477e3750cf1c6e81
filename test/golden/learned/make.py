"""Writes the fixtures of the per-tensor learned optimizers.

python make.py GOLDENS

GOLDENS: numbers of five steps by the authors' JAX code (google/learned_optimization 32186aa, amoudgl/celo 66d9761) in
float64 (`NAME.f64.json`) and as shipped (`NAME.f32.json`), and `ref_celo.py`, a NumPy reference that reproduces them.
Celo's own weights are not ours to publish: its fixture has weights drawn here, and numbers of that reference.
Tensors stay in the authors' order of axes; weights of the learned optimizers get Lowland's names.
"""
import json, os, sys
import numpy as np

GOLDENS, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, GOLDENS)
STEPS = [0, 4]  # after the first and the last: errors add up
CELO = {"rnn/linear": "lstm", "linear_1": "relu", "linear_2": "skip", "step_size": "rate"}


def write(name, record):
    with open(f"{HERE}/{name}.json", "w") as file:
        file.write(json.dumps(record, separators=(",", ":")).replace('},"', '},\n"') + "\n")


def numbers(tensor, digits=13):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.{digits}g}") for x in tensor.ravel()]}


def unpack(tensors):
    return {k: np.array(v["data"], np.float64).reshape(v["shape"]) for k, v in tensors.items()}


def load(name, precision):
    with open(f"{GOLDENS}/{name}.{precision}.json") as file:
        return json.load(file)


def renamed(theta):
    out, blocks = {}, {}
    for k, v in theta.items():
        last = k.split(".")[-1]
        if "w0__" in last:
            blocks[int(last.split("__")[1])] = v
        elif k.startswith("mlp/~/linear_"):
            out[f"mlp.{k[13]}.{last}"] = v
        elif last[0] in "wb" and last[1:].isdigit():
            out[f"mlp.{last[1]}.{last[0]}"] = v
        elif last.endswith("_decays"):
            out[f"decays.{last[:-7].replace('rms', 'second').replace('adafactor', 'factored')}"] = v
        elif k.startswith("lstm_init_state."):
            out[f"schedule.{last}"] = v
        elif k.split(".")[1] in CELO:
            out[f"schedule.{CELO[k.split('.')[1]]}.{last}"] = v
    if blocks:
        out["mlp.0.w"] = np.concatenate([blocks[i] for i in range(len(blocks))], -2)
    # celo has a leading axis of one mixture component
    lead = lambda k, v: v[0] if "celo" in k else v
    return {k: numbers(v) for k, v in sorted(out.items())}


def after(doc):
    return [{k: numbers(v) for k, v in unpack(doc["params_after_step"][t]).items()} for t in STEPS]


inputs = load("celo2", "f64")
write("inputs", {
    "params": {k: numbers(v) for k, v in unpack(inputs["params"]).items()},
    "grads": [{k: numbers(v) for k, v in unpack(g).items()} for g in inputs["grads"]],
    "losses": inputs["losses"], "horizon": inputs["num_steps"],
})
for name in ["mlp_lopt", "adafac_mlp_lopt", "celo2_base", "celo2_base_wd", "celo2"]:
    f64, f32 = load(name, "f64"), load(name, "f32")
    assert f64["params"] == inputs["params"] and f64["grads"] == inputs["grads"], name
    write(name, {"settings": f64["settings"], "theta": renamed(unpack(f64["theta"])), "f64": after(f64), "f32": after(f32)})

import ref_celo  # noqa: E402

# drawn by a formula, so that the fixture need not hold 33,000 numbers: 0.3·sin(12.9898·(i + 1) + j), i an entry of tensor j
blocks = {i: (n, 4) for i, n in enumerate([1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3])}
shapes = {"mlp.0.b": (4,), "mlp.0.w": (30, 4), "mlp.1.b": (4,), "mlp.1.w": (4, 4), "mlp.2.b": (3,), "mlp.2.w": (4, 3),
          "schedule.cell": (64,), "schedule.hidden": (64,), "schedule.lstm.b": (256,), "schedule.lstm.w": (128, 256),
          "schedule.rate.b": (1,), "schedule.rate.w": (64, 1), "schedule.relu.b": (64,), "schedule.relu.w": (18, 64),
          "schedule.skip.b": (64,), "schedule.skip.w": (18, 64)}
drawn = {k: 0.3 * np.sin(12.9898 * (np.arange(np.prod(s)) + 1) + j).reshape(s) for j, (k, s) in enumerate(shapes.items())}
theta, row = {}, 0
for i, (n, _) in blocks.items():
    theta[f"ff_mod_stack.~.w0__{i}"] = drawn["mlp.0.w"][None, row:row + n]
    row += n
for k in ["b0", "w1", "b1", "w2", "b2"]:
    theta[f"ff_mod_stack.~.{k}"] = drawn[f"mlp.{k[1]}.{k[0]}"][None]
for k in ["hidden", "cell"]:
    theta[f"lstm_init_state.{k}"] = drawn[f"schedule.{k}"][None]
for theirs, ours in CELO.items():
    for k in "wb":
        theta[f"rnn_params.{theirs}.{k}"] = drawn[f"schedule.{ours}.{k}"]
params, grads = unpack(inputs["params"]), [unpack(g) for g in inputs["grads"]]
for phase, name in [(1, "celo_phase1"), (2, "celo")]:
    step = ref_celo.make({"theta": theta, "params": params, "num_steps": inputs["num_steps"],
                          "settings": {"phase": phase, "exp_mult": 0.001, "step_mult": 0.001}})
    p, points = params, []
    for t, (g, loss) in enumerate(zip(grads, inputs["losses"])):
        p = step(p, g, loss, t)
        points.append({k: numbers(v) for k, v in p.items()})
    write(name, {"settings": {"phase": phase}, "shapes": shapes, "f64": [points[t] for t in STEPS]})
