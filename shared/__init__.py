"""What the services and the commands share. Arrows run downwards alone.

    alerts/   forecasting/                        what can be said of traffic: domain, pure
    traffic/                                      roads, calendar, windows and steps: domain, pure
    kafka/  archive/  store/  schemas/  runtime/  the platform: everything that does I/O
    events/                                       records, codecs, the table of topics: pure

Pure means that a room imports no I/O library and that time is passed in: its decisions are functions of what happened
and of what was before. Five modules of these rooms read small files when they are called: `traffic.text_file` text,
`traffic.folder` a network, `events.published` and `events.json_mapping_file` schemas and mappings,
`forecasting.registry.pretrained` the weights that come with the product. `alerts` and `forecasting` do not import each
other; they meet in a service. Nothing in here knows of `services` or `metrla`. import-linter holds all of it
(`pyproject.toml`).
"""
