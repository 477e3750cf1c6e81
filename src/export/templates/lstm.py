HIDDEN = {{hidden}}
K = {{k}}
SCALE = {{scale}}

# include layers

def start(w):
    """The state of one tensor before the first step."""
    return start_layers(w)


def update(phi, w, g, state, step):
    """u of one tensor and its next state: u = scale * linear(LSTM(LSTM(LogAndSign(g; k)))).

    Andrychowicz et al., "Learning to learn by gradient descent by gradient descent", 2016.
    """
    size = xp.abs(g)
    large = size >= math.exp(-K)
    log = xp.where(large, xp.log(size) / K, -1.0)
    sign = xp.where(large, xp.sign(g), math.exp(K) * g)
    y, state = layers(phi, xp.stack([log, sign], axis=-1), state)
    return SCALE * y, state
