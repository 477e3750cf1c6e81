
def start_layers(w):
    """h and c of both LSTM layers, for every coordinate."""
    return {name: zeros(w, *w.shape, HIDDEN) for name in ("h0", "c0", "h1", "c1")}


def layers(phi, x, state):
    """x through both LSTM layers, gates in the order i, j, f, o, and the linear one: y and the next state."""
    after = {}
    for layer in (0, 1):
        h, c = state[f"h{layer}"], state[f"c{layer}"]
        z = xp.concatenate([x, h], axis=-1) @ phi[f"lstm.{layer}.w_gates"] + phi[f"lstm.{layer}.b_gates"]
        i, j, f, o = (z[..., gate * HIDDEN : (gate + 1) * HIDDEN] for gate in range(4))
        c = sigmoid(f + 1) * c + sigmoid(i) * xp.tanh(j)
        x = sigmoid(o) * xp.tanh(c)
        after.update({f"h{layer}": x, f"c{layer}": c})
    return (x @ phi["linear.w"] + phi["linear.b"])[..., 0], after

