"""How sure forecasts are: 90 % intervals and the chance to be within 5 mph. Pure.

    taxonomy    which forecasts are alike in how sure they are: the cells
    residuals   distributions of errors in each cell, thin ones leaning on their parents
    conformal   half widths that cover 90 % of held-out forecasts
    spread      the two above as tensors of an artefact, and their use at a step
    adaptive    the online scale: wider or narrower by how the last hours were covered

Everything but the scale is fitted once, on the validation part of a recording, and travels in the artefact. The scale
is a function of live scores, and only of those that late windows can no longer change: so a forecast that is made again
after a restart has the same interval. Sources of the methods are named where they are used.
"""
