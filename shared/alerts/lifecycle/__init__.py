"""The life of an alert, once for every kind. Pure.

    changes                      raise, update, clear, merge; which alert keeps which place; the loop over carriageways
    board                        the active alerts of a network, rebuilt from the log and kept from those sent
    confidence                   the probability that an alert proves true, from its evidence
    duration, duration_tables    how long it will last: a median and a 90 % interval, given its age
    messages                     words that every kind shares: merged, silent, no longer believed, removed

A kind of alert supplies candidates (`Covering`), what it says of one (`AlertContent`), and the words when it is over.
An alert's record is its whole state, so a restart needs the log alone. This room knows no kind by name; kinds come
here, never the other way.
"""
