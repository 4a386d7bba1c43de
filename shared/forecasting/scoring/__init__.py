"""Forecasts against what then happened. Pure: scores in, figures out; the store keeps the scores.

    live         forecasts that wait for their windows, and their scores as these come, late ones included
    sums         what a score consists of: sums over sensors, so that any stretch of time is a sum of scores
    rolling      the scores of the last hours and days of one network
    drift        whether inputs are still like those of training
    scoreboard   all of that for one network: intervals' online scale, rolling figures, drift
    standing     where a network stands by it, and which drifts begin and end
    promotion    whether a challenger has earned to be champion

A window that comes settles the forecasts of it; `live` hands out scores, `scoreboard` takes them in, `standing` says
what they mean. State is a function of rows in the store and of windows on the log: a restart goes on where it died.
"""
