"""Usual speeds: what is normal for a sensor at that time of the week, learned from its past. Pure.

    running   learned as the windows come, one by one: what alerts know

Every table has a row for each slot of the two types of day (`calendar.day_type_slots`): those of working days first,
then those of days off, in which public holidays are.
"""
