"""The `metrla` command: one module a sub-command, Typer alone.

    main                     wires the sub-commands; turns foreseen errors into one line and an exit code
    demo, run, stack         processes on this machine
    feed, advisories         onto the log                          feeding/, advising/
    archive, history, topics, schemas, store, settings             querying/
    dead_letters             what could not be used, and back to where it came from
    network, data            folders of networks, published data sets
    train, evaluate, models, evaluate_alerts, evaluate_expectations   the laboratory and the registry     studying/
    broker, tables           asking the broker, or one line where none answers; what a terminal shows, in one look

A module reads options, calls what does the work, and prints; work that more than one of them does is in a folder under
it. Heavy imports are inside the commands, so that `metrla --help` is there at once. Nothing imports this room.
"""
