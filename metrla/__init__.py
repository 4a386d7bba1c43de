"""metrla: traffic prediction for freeway sensor networks. The command, and what runs around the product.

    cli/      the `metrla` command, one module a sub-command
    lab/      training, evaluation and studies
    local/    everything on one machine: embedded broker, launcher, native stack
    data/     published files, importing of networks, simulation
    terminal  the one way to a terminal: what is printed is made printable
    client/   a typed client of the gateway, also a distribution of its own

Arrows: cli to lab and local, these to data, data to `services` and `shared`; the laboratory imports no service, and
nothing imports cli. `client` imports nothing of ours, and nothing imports it.
"""

__version__ = "0.1.0"
