"""What the alert detector learns of each network as windows come, and how it survives a restart. Pure.

    learner             one more step in: what it teaches, and the alarms that follow from what was known before it
    state               all that is learned of one network, in the types in which it goes to the log
    wire                that state as records of a compacted topic, and back, bit for bit
    start               where nothing was learned yet: the usual speeds of a trained model
    sensors             what the rest of the alerts is told of the sensors at a step

A step is judged by the state before it, and only then taught: so judging it again changes nothing. What a step taught
is written behind its alerts. A state of another version is dropped with a line in the log, and learned anew.
"""
