"""Fit `random_forest`: trees grown apart, whose leaves hold medians. Pure but for scikit-learn.

Random forest (Breiman, 2001), all horizons in one tree. It is grown on squared errors, which is quick, with the largest
changes cut off, and its leaves then get the median of every horizon over more rows than it was grown on: the mean of
the trees' medians serves the mean absolute error (as in quantile regression forests, Meinshausen, 2006, whose leaves
keep all their rows and are too large to serve).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from metrla.lab.forecasting.training.fitted import Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.pacing import Pacing
from metrla.lab.forecasting.training.trees.export import Tree, to_onnx
from metrla.lab.forecasting.training.trees.rows import Rows, Source
from shared.forecasting.models.tabular import COUNT, NAMES
from shared.traffic.arrays import Compact, Floats, Integers

LEAST_ROWS, LEAST_TREES = 200, 3
TRIED_ROWS = 4_000
"""That tell how long a row takes."""
GROWING_SHARE = 0.6
"""Of the time: the rest is for the leaves."""


@dataclass(frozen=True, slots=True)
class RandomForestSettings:
    """What can be chosen.

    Attributes:
        trees: how many.
        rows: that the forest is grown on.
        leaf_rows: that the values of its leaves come from.
        validation_rows: whose error is told.
        leaves: of a tree, at most.
        least_rows: of a leaf.
        features: share of the features that a split may choose from.
        share: of the rows that each tree sees.
        cut_mph: changes count as no larger than this while the forest grows.
    """

    trees: int = 22
    rows: int = 200_000
    leaf_rows: int = 300_000
    validation_rows: int = 60_000
    leaves: int = 2_000
    least_rows: int = 10
    features: float = 0.35
    share: float = 0.5
    cut_mph: float = 20.0


DEFAULT = RandomForestSettings()


def fit_random_forest(task: Task, settings: RandomForestSettings = DEFAULT) -> Fitted:
    """Grow the forest, then give its leaves their medians.

    With a limit, one tree on a few rows tells how many rows there is time for, and fewer trees are grown where these
    take longer than that one said.

    Raises:
        TooLittleError: too little history.
    """
    pace, source = Pacing.of(task), Source.of(task.recorded, task.split)
    if task.again is not None:
        settings = replace(settings, rows=int(task.again["rows"]), trees=int(task.again["trees"]))
    rows = pace.decide("rows", settings.rows, lambda left: _affordable(left, pace, task, settings, source))
    total = 2.0 * settings.trees + 1
    task.progress(0, total)
    grown_on = source.sample(rows, np.random.default_rng([task.seed, 0]))
    whole = grown_on.told.all(axis=1)
    if np.count_nonzero(whole) < LEAST_ROWS:
        raise TooLittleError(f"random_forest needs {LEAST_ROWS} two-hour stretches of readings: give a longer history")
    forest = _forest(task, settings)
    features = grown_on.features[whole]
    target = np.clip(grown_on.target[whole], -settings.cut_mph, settings.cut_mph)
    for tree in pace.while_time("tree", settings.trees, LEAST_TREES, GROWING_SHARE):
        forest.n_estimators = tree + 1
        forest.fit(features, target)
        task.progress(tree + 1, total)
    leaf_rows = source.sample(
        max(rows, settings.leaf_rows * rows // settings.rows), np.random.default_rng([task.seed, 1])
    )
    for tree, grown in enumerate(forest.estimators_):
        _give_medians(grown.tree_.value, grown.apply(leaf_rows.features), leaf_rows, settings.least_rows)
        task.progress(settings.trees + tree + 1, total)
    error: float | None = None
    if task.again is None:
        held_out = source.validation(settings.validation_rows)
        error = held_out.error_mph(forest.predict(held_out.features).astype(np.float32))
    task.progress(total, total, "" if error is None else f"validation MAE {error:.3f} mph")
    return Fitted(
        tensors=source.tensors(),
        onnx=to_onnx(list(trees_of(forest)), "BRANCH_LEQ", COUNT),
        importance=dict(zip(NAMES, forest.feature_importances_.tolist(), strict=True)),
        settings={
            **asdict(settings),
            "rows": rows,
            "trees": len(forest.estimators_),
            "validation_mae_mph": error,
            "features": list(NAMES),
        },
    )


def trees_of(forest: RandomForestRegressor) -> Iterable[Tree]:
    """The trees of a forest, each with its share of the mean as values."""
    for grown in forest.estimators_:
        tree = grown.tree_
        yield Tree(
            left=tree.children_left,
            right=tree.children_right,
            feature=np.maximum(tree.feature, 0),
            threshold=_not_above(tree.threshold),
            missing_left=tree.missing_go_to_left.astype(np.bool_),
            values=tree.value[:, :, 0] / len(forest.estimators_),
        )


def _forest(task: Task, settings: RandomForestSettings) -> RandomForestRegressor:
    return RandomForestRegressor(
        n_estimators=0,
        warm_start=True,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.least_rows,
        max_features=settings.features,
        max_samples=settings.share,
        random_state=task.seed,
        n_jobs=1,
    )


def _affordable(left: float, pace: Pacing, task: Task, settings: RandomForestSettings, source: Source) -> int:
    found: list[Rows] = []
    random = np.random.default_rng([task.seed, 2])
    a_row = pace.timed(lambda: found.append(source.sample(TRIED_ROWS, random))) / TRIED_ROWS
    some = found[0]
    if len(some.features) < LEAST_ROWS:
        return settings.rows  # there are no more
    forest = _forest(task, settings)
    forest.n_estimators = 1
    target = np.where(some.told, some.target, 0.0)
    a_tree_row = pace.timed(lambda: forest.fit(some.features, target)) / len(some.features)
    # As many rows again, and half as many more, are for the leaves: their medians cost about as much as the growing.
    rows = left / (2.5 * a_row + 2 * settings.trees * a_tree_row)
    return int(np.clip(rows, 5 * LEAST_ROWS, settings.rows))


def _give_medians(values: Floats, leaves: Integers, rows: Rows, least: int) -> None:
    """Replace the values (nodes, HORIZONS, 1) of leaves that enough rows fall into, given the leaf of each row."""
    target = np.where(rows.told, rows.target, np.nan)
    order = np.argsort(leaves, kind="stable")
    found, starts = np.unique(leaves[order], return_index=True)
    for leaf, members in zip(found, np.split(order, starts[1:]), strict=True):
        mine = target[members]
        enough = np.count_nonzero(~np.isnan(mine), axis=0) >= least
        if enough.any():
            values[leaf, enough, 0] = np.nanmedian(mine[:, enough], axis=0)


def _not_above(threshold: Floats) -> Compact:
    """The greatest float32 that is not above: no float32 lies between, so `x <= threshold` stays as it is."""
    rounded: NDArray[np.float32] = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
