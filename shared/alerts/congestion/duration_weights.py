"""What the durations of congestion were fitted to: METR-LA's first 60 days. `metrla evaluate-durations` fits them."""

# fmt: off
WEIGHTS: tuple[tuple[float, ...], ...] = (
    (0.0799, 0.7208, -2.0684, -0.1338, 0.4038, 0.3563, -1.5146, 0.0573, -0.2130, 0.3698, 0.0000),
    (0.0986, 0.2241, 0.1270, -0.2620, 0.1125, 0.5591, -2.7197, 0.1039, -0.4210, 0.5508, 0.0000),
    (0.0427, 0.1214, 0.6537, -0.0613, 0.0917, 0.1840, -1.0638, 0.0565, -0.2294, 0.2544, 0.0000),
)
"""Of each sign, in the order of `QueueSigns.values`, for the logarithm of the three quantiles of minutes left."""
LEVELS: dict[str, tuple[float, ...]] = {
    "weekday 0": (2.9728, 3.7415, 6.2043),
    "weekday 1": (2.6907, 3.8111, 5.8125),
    "weekday 2": (2.6001, 3.9352, 5.6300),
    "weekday 3": (2.6665, 3.5055, 4.9831),
    "weekday 4": (2.4772, 3.1050, 4.5993),
    "weekend 0": (2.5072, 3.4585, 4.5704),
    "weekend 1": (2.9826, 4.1442, 6.2808),
    "weekend 2": (2.9925, 4.0251, 5.6772),
    "weekend 3": (2.8454, 3.6396, 5.1879),
    "weekend 4": (2.5848, 3.3654, 4.7877),
}
"""Of each type of day and period of the day, for the same quantiles."""
# fmt: on
