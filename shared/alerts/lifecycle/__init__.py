"""The life of an alert, once for every kind. Pure.

    changes                      raise, update, clear, merge; which alert keeps which place; the loop over carriageways
    board                        the active alerts of a network, rebuilt from the log and kept from those sent
    confidence                   the probability that an alert proves true, from its evidence
    duration, duration_tables    how long it will last: a median and a 90 % interval, given its age
    messages                     words that every kind shares: merged, silent, no longer believed, removed

An alert's record is its whole state, so a restart needs the log alone. This room knows no kind by name; kinds come
here, never the other way. A new kind of alert is one folder beside this one. It supplies

1. candidates: what could be an alert at this step, each with its `sensor_ids` (`Covering`), by carriageway;
2. what it says of one: an `AlertContent` with severity, place, message and evidence, and when that is worth an update;
3. the words when it is over; `Listening.message` has those that every kind needs;

and one function of (board, what holds now) that gives `changes_by_road` what changes on one carriageway: `assign` says
which alert keeps which candidate; `raised`, `updated` and `cleared` make the records. Example: `congestion.alerts`.
Beside the folder: its layer in the contract of `pyproject.toml`, its type in `AlertType` and `schemas/` where that is
new, and whoever calls it: `observed` for windows, a class like `expectations.expected.ExpectedAlerts` for other topics.
"""
