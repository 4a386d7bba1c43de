"""What alerts of every kind have in common, once. Pure.

    board            the active alerts of a network, rebuilt from the records on the log and kept from those sent
    confidence       the probability that an alert proves true, from its evidence
    duration         how long it will last: a median and a 90 % interval, given its age (`duration_tables`)
    location         where on the road it is, in words that a driver understands

An alert's record is its whole state: a board is nothing but the records, so that a restart needs the log alone. This
room knows no kind of alert by name; kinds come here, never the other way.
"""
