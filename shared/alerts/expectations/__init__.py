"""Congestion that forecasts let expect: alerts before there is a queue. Pure.

    outlook       the forecasts of one origin for a whole network, gathered from single records
    probability   how probable slow traffic is, from a forecast and its 90 % interval
    expectation   where it is probable enough: sensors joined along the carriageway
    alerts        an outlook and the active expectations in, changes out
    messages      the words
    expected      one partition of predictions in: origins judged in turn, as changes of alerts

An origin is judged once, when its sensors have all spoken or time is up. Which sensors another alert covers already is
asked of whoever watches the windows of the same networks; the two are in one process (`traffic-predictions` lies in
the partition of its network).
"""
