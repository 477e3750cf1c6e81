// Python that runs exported optimizers: problems come as JSON on standard input, points go out the same way.

const shared = `
import importlib, json, sys
import numpy as np

problem = json.load(sys.stdin)
sys.path.insert(0, problem["folder"])
tensors = [np.array(t["data"], np.float32).reshape(t["shape"]) for t in problem["params"]]
gradients = [[np.array(g, np.float32).reshape(t.shape) for g, t in zip(step, tensors)] for step in problem["gradients"]]
losses = problem["losses"]
x = np.array(problem["training"]["inputs"], np.float32).reshape(-1, problem["training"]["features"])
labels = np.array(problem["training"]["labels"])
start = [np.array(t["data"], np.float32).reshape(t["shape"]) for t in problem["training"]["params"]]

def flat(points):
    return np.concatenate([np.asarray(p).reshape(-1) for p in points]).tolist()
`;

/** Runs modules for torch; weights of Lowland are [outputs, positions …, inputs], torch's [outputs, inputs, positions …]. */
export const torchDriver: string = `${shared}
import io
import torch

torch.set_num_threads(1)

def theirs(t):
    t = torch.tensor(t)
    return t if t.ndim < 2 else t.movedim(-1, 1).contiguous()

def ours(t):
    t = t.detach()
    return (t if t.ndim < 2 else t.movedim(1, -1)).contiguous().numpy()

def run(case):
    module = importlib.import_module(case["name"])
    options = case["options"]
    reads = {"loss"} if "horizon" in options else set()

    def fresh(values):
        params = [torch.nn.Parameter(theirs(t)) for t in values]
        # two groups, as users have them
        return params, module.LearnedOptimizer([{"params": params[:1]}, {"params": params[1:]}], **options)

    def five(interrupted):
        params, optimizer = fresh(tensors)
        points = []
        for t, step in enumerate(gradients):
            if interrupted and t == 2:
                saved = io.BytesIO()
                torch.save({"optimizer": optimizer.state_dict(), "params": params}, saved)
                saved.seek(0)
                loaded = torch.load(saved)
                params, optimizer = fresh([np.zeros_like(p) for p in tensors])
                for p, value in zip(params, loaded["params"]):
                    p.data.copy_(value)
                optimizer.load_state_dict(loaded["optimizer"])
            for p, g in zip(params, step):
                p.grad = theirs(g)
            optimizer.step(**{name: losses[t] for name in reads})
            points.append(flat([ours(p) for p in params]))
        return points

    points = five(False)
    params, optimizer = fresh(start)
    curve = []

    def closure():
        optimizer.zero_grad()
        w1, b1, w2, b2 = params
        hidden = torch.sigmoid(torch.nn.functional.linear(torch.tensor(x), w1, b1))
        loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, w2, b2), torch.tensor(labels))
        loss.backward()
        return loss

    for _ in range(problem["training"]["steps"]):
        curve.append(float(optimizer.step(closure)))
    low = [torch.nn.Parameter(theirs(t).to(torch.bfloat16)) for t in tensors]
    half = module.LearnedOptimizer(low, **options)
    for p, g in zip(low, gradients[0]):
        p.grad = theirs(g).to(torch.bfloat16)
    half.step(**{name: losses[0] for name in reads})
    again = module.LearnedOptimizer(low, **options)
    again.load_state_dict(half.state_dict())
    kept = all(torch.equal(v, again.state[p][k]) and v.dtype == torch.float32 for p in low for k, v in half.state[p].items())
    return {"points": points, "resumed": five(True) == points, "curve": curve, "halfPrecision": kept}

json.dump([run(case) for case in problem["cases"]], sys.stdout)
`;

/** Runs modules for optax; weights of JAX are [positions …, inputs, outputs]. */
export const optaxDriver: string = `${shared}
import jax, jax.numpy as jnp, optax

jax.config.update("jax_platforms", "cpu")

def theirs(t):
    return jnp.asarray(t if t.ndim < 2 else np.moveaxis(t, 0, -1))

def ours(t):
    return np.asarray(t if t.ndim < 2 else np.moveaxis(t, -1, 0))

def run(case):
    module = importlib.import_module(case["name"])
    options = case["options"]
    reads = {"value"} if "horizon" in options else set()
    optimizer = module.learned_optimizer(**options)
    tree = {f"t{i:02}": theirs(t) for i, t in enumerate(tensors)}

    @jax.jit
    def step(grads, state, params, value):
        updates, state = optimizer.update(grads, state, params, **{name: value for name in reads})
        return optax.apply_updates(params, updates), state

    def grads_at(t):
        return {f"t{i:02}": theirs(g) for i, g in enumerate(gradients[t])}

    params, state = tree, optimizer.init(tree)
    points, states = [], []
    for t in range(len(gradients)):
        states.append((params, state))
        params, state = step(grads_at(t), state, params, losses[t])
        points.append(flat([ours(p) for p in params.values()]))

    # two steps later, from what was kept, without the first states
    leaves, shape = jax.tree.flatten(states[2])
    params, state = jax.tree.unflatten(shape, [jnp.asarray(np.asarray(leaf).copy()) for leaf in leaves])
    for t in range(2, len(gradients)):
        params, state = step(grads_at(t), state, params, losses[t])
    resumed = flat([ours(p) for p in params.values()]) == points[-1]

    # vmap: two trainings at once, the second with another gradient, against one after the other
    pair = lambda a, b: jax.tree.map(lambda u, v: jnp.stack([u, v]), a, b)
    tree = {k: tree[k] for k in ("t00", "t01", "t04")}
    g0, g1 = ({k: grads_at(t)[k] for k in tree} for t in (0, 1))
    begun = optimizer.init(tree)
    together, _ = jax.vmap(step, in_axes=(0, 0, 0, None))(pair(g0, g1), pair(begun, begun), pair(tree, tree), losses[0])
    alone = pair(step(g0, begun, tree, losses[0])[0], step(g1, begun, tree, losses[0])[0])
    moved = max(float(jnp.abs(alone[k] - tree[k]).max()) for k in tree)
    vmapped = max(float(jnp.abs(together[k] - alone[k]).max()) for k in tree) / moved

    def objective(params):
        w1, b1, w2, b2 = params
        logits = jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])

    params = [theirs(t) for t in start]
    state = optimizer.init(params)
    curve = []
    value_and_grad = jax.jit(jax.value_and_grad(objective))
    for _ in range(problem["training"]["steps"]):
        loss, grads = value_and_grad(params)
        params, state = step(grads, state, params, loss)
        curve.append(float(loss))
    return {"points": points, "resumed": resumed, "curve": curve, "vmapped": vmapped}

json.dump([run(case) for case in problem["cases"]], sys.stdout)
`;
