"""The models: each learns from recorded speeds, is kept as named tensors, and serves with numpy alone. Pure."""
