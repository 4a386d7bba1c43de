"""Starts the processes of a pipeline on this machine, supervises them, and shows what is where.

    request              what the user asked for
    weights              models that come with metrla for the demo's network
    plan                 which processes, with which environment, on which ports
    process, supervisor  one child process; a set of them: started in order, restarted, stopped in order
    real_servers         the native stack as a demo's servers
    state                the folder that a demo writes to
    figures, display     what the pipeline has done, from its own metrics, and how that is shown
    demo                 all of it from beginning to end

The launcher knows services by their commands, variables and metrics, as any other supervisor would; it imports none.
"""
