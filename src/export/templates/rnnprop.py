HIDDEN = {{hidden}}
BETA1 = {{b1}}
BETA2 = {{b2}}
EPS = {{eps}}
SCALE = {{scale}}

# include layers

def start(w):
    """The state of one tensor before the first step."""
    return {"m": zeros(w, *w.shape), "v": zeros(w, *w.shape), **start_layers(w)}


def update(phi, w, g, state, step):
    """u of one tensor and its next state: u = scale * tanh(linear(LSTM(LSTM(ELU(dense(m~, g~)))))).

    m~ and g~ are the mean of the gradients and the gradient, over the root of their mean square.
    Lv, Jiang & Li, "Learning Gradient Descent: Better Generalization and Longer Horizons", 2017.
    """
    m = BETA1 * state["m"] + (1 - BETA1) * g
    v = BETA2 * state["v"] + (1 - BETA2) * g * g
    size = xp.sqrt(v / (1 - BETA2 ** (step + 1))) + EPS
    x = xp.stack([m / (1 - BETA1 ** (step + 1)) / size, g / size], axis=-1)
    x = x @ phi["input.w"] + phi["input.b"]
    x = xp.where(x > 0, x, xp.expm1(x))
    y, state = layers(phi, x, state)
    return SCALE * xp.tanh(y), {"m": m, "v": v, **state}
