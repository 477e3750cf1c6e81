# include network
# include moments
# include columns
# if orthogonal

def start_bias(w):
    """The state of a bias before the first step."""
    return {"m": zeros(w, *w.shape), "v": zeros(w, *w.shape)}


def update_bias(w, g, state, lr, weight_decay):
    """Adam without bias correction, at twenty times the learning rate."""
    m = 0.9 * state["m"] + 0.1 * g
    v = 0.95 * state["v"] + 0.05 * g * g
    return -20 * lr * (m * rsqrt(v + 1e-8) + weight_decay * w), {"m": m, "v": v}


def orthogonal(x):
    """Five Newton-Schulz iterations, which take the singular values of matrices towards 1."""
    if x.shape[-2] > x.shape[-1]:
        return orthogonal(x.mT).mT
    x = x / (xp.sqrt(xp.sum(x * x, axis=(-2, -1), keepdims=True)) + 1e-8)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.775 * a + 2.0315 * (a @ a)) @ x
    return x

# end

def update(phi, w, g, state, step, lr, weight_decay):
    """u of one tensor and its next state: u = -lr (s + weight_decay w), s = MLP(...) of root mean square 1.

    Moudgil et al., "Celo2", 2026.
    """
    axes = tuple(range(g.ndim))[-2:]
    g = xp.clip(g, -1000, 1000)
    state = accumulate(state, g, (0.1, 0.01, 0.001), 0.05, (0.1, 0.01, 0.001))
    columns = vector_columns(w, g, state, 1e-8) + (matrix_columns(g, state) if g.ndim > 1 else [])
    s = perceptron(phi, [normalized(x, axes, 1e-9) for x in columns])[..., 0]
    # if orthogonal
    if g.ndim > 1:
        s = orthogonal(s)
    # end
    return -lr * (normalized(s, axes, 1e-9) + weight_decay * w), state
