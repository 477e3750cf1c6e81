
def mix(moments, rests, value):
    """m <- (1 - rest) m + rest value, for each moment and its rest = 1 - beta."""
    return xp.stack([(1 - rest) * m + rest * value for m, rest in zip(moments, rests)])


def normalized(x, axes, eps):
    """x / sqrt(eps + mean x^2)."""
    return x / xp.sqrt(eps + xp.mean(x * x, axis=axes, keepdims=True))


def perceptron(phi, columns, time=None):
    """Three layers with ReLU between, coordinate by coordinate; `time` holds inputs that all coordinates share."""
    shape = columns[0].shape
    x = xp.stack([xp.broadcast_to(column, shape) for column in columns], axis=-1)
    w, b = phi["mlp.0.w"], phi["mlp.0.b"]
    if time is not None:
        b = b + time @ w[len(columns) :]
    x = xp.clip(x @ w[: len(columns)] + b, 0)
    x = xp.clip(x @ phi["mlp.1.w"] + phi["mlp.1.b"], 0)
    return x @ phi["mlp.2.w"] + phi["mlp.2.b"]

