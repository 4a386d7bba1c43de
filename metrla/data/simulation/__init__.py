"""A traffic simulator for any sensor network: seeded, repeatable, with ground truth. Pure.

    demand, scenario   how much traffic wants to go, and when that is worth watching; incidents and rain
    roads, flow        carriageways as rows of cells, and the cell transmission model (Daganzo 1994) on them
    faults             what goes wrong between road and log: sensors that fail, readings that come late or twice
    days               whole days, from seed and date
    simulator          any network, any time; the same seed gives the same traffic

Days are computed one by one and independently, so that a feed can begin anywhere. Incidents, rain and faults can be
asked for afterwards: the truth that detectors are judged by.
"""
