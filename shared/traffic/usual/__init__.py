"""Usual speeds: how fast traffic mostly is at a sensor at that time of the week, learned from its past. Pure.

    profile      learned from a whole recording: what models are trained with, and keep in their artefact
    transfer     the profile of a sensor that the training did not have
    deviations   how far a sensor strays from it, and how often it is slow
    recent       how the last days were, learned window by window
    medians      of some weeks of one sensor's windows, looked up on demand: what advisories are held against
    running      learned as the windows come, one by one: what alerts know
    speeds       what is usual in one window, and free flow, as everybody is told it

Every table has a row for each slot of the two types of day (`calendar.day_type_slots`): those of working days first,
then those of days off, in which public holidays are. Slots are windows, or half hours where days are few
(`deviations`, `medians`). The estimators differ in what they may see: `profile` a whole recording at once, `medians`
the weeks that the store has, `recent` and `running` one window after the other.
"""
