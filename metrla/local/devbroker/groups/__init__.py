"""Consumer groups of the embedded broker: membership, rebalances, committed offsets.

    group        one group as a state machine: it is told the time, and returns the answers that became due
    membership   what a group knows of its members and answers them
    coordinator  gives all groups the time, and their answers to whoever waits for them
    offsets      committed offsets

The state machine does no I/O and owns no timer, so every interleaving can be tested.
"""
