"""The neural network's training, with JAX and Optax: neither of which serving needs.

    settings      what can be chosen
    start         networks before training
    examples      origins with parts of their input hidden, as when sensors fail
    surroundings  means over neighbours whose weights are learned
    steps         one step of the optimiser, compiled
    fit           epochs with checkpoints, so that an interrupted fit goes on and ends with the same weights
    validation    how far networks are off, on which is chosen which weights serve
    importance    what errors grow by without a group of inputs

What is trained is kept as tensors and served in NumPy by `shared.forecasting.models.perceptron`.
"""
