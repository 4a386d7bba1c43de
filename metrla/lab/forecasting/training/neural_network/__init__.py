"""The neural network's training, with JAX, Equinox and Optax: none of which serving needs."""
