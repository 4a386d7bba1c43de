"""The life of an alert, once for every kind. Pure.

    step         one step of one kind on one carriageway: what is over, what goes on, what is new
    changes      raise, update, clear, merge; which alert keeps which place; the loop over carriageways
    board        the active alerts of a network, rebuilt from the log and kept from those sent
    confidence   the probability that an alert proves true, from the odds of its evidence
    duration     how long it will last: a median and a 90 % interval, given its age
    messages     words that every kind shares: merged, silent, no longer believed, removed

An alert's record is its whole state, so a restart needs the log alone. This room knows no kind by name; kinds come
here, never the other way. A new kind of alert is one folder beside this one. It supplies

1. candidates: what could be an alert at this step, each with its `sensor_ids` (`Covering`), by carriageway;
2. a `KindStep`: which candidates raise an alert, what is said of one (`AlertContent`: severity, place, message,
   evidence), when that is worth an update, and the last words; `Listening.message` has those that every kind needs;
3. what its confidence and its duration were fitted on, where it tells them.

`changes_by_road` asks for the changes of each carriageway in turn, `KindStep.advance` makes them. Example:
`congestion.alerts`. Kinds that share a carriageway are judged in one loop, one after the other (`observed.step`).
What publishers announce has no candidates: an alert of `advisories` belongs to its advisory by its id, changes by
itself (`board.is_past`), and is made with the same `raised`, `updated` and `cleared`. So is what operators do
(`actions`).

Beside the folder: its layer in the contract of `pyproject.toml`, its type in `AlertType` and `schemas/` where that is
new, and whoever calls it: `observed` for windows, a class like `expectations.expected.ExpectedAlerts` for other topics.
"""
