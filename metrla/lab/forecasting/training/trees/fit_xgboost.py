"""Fit `xgboost`: gradient-boosted trees whose leaves forecast all horizons at once. Pure but for xgboost.

Boosting (Friedman, 2001) in stages. Each stage draws other rows of the history, with other input hidden, and adds its
trees to what the stages before it forecast of them (stochastic gradient boosting, Friedman, 2002): much more of the
history is seen than would fit into memory at once, and what one stage takes from chance the next one does not confirm.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import xgboost

from metrla.lab.forecasting.training.fitted import Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.pacing import Pacing
from metrla.lab.forecasting.training.trees.export import Tree, to_onnx
from metrla.lab.forecasting.training.trees.rows import Source
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.tabular import COUNT, NAMES
from shared.traffic.arrays import Compact

LEAST_ROWS = 500
TRIED_ROWS, TRIED_TREES = 8_000, 6
"""That tell how long a row and a tree take."""
FORECASTING = 1.3


@dataclass(frozen=True, slots=True)
class XgboostSettings:
    """What can be chosen.

    Attributes:
        stages: how often other rows are drawn; a third of that where each time all rows there are would be.
        trees: of each stage.
        rows: of each stage.
        validation_rows: that decide after which stage to stop.
        first_rate: learning rate of the first stage.
        last_rate: of the last one; it falls evenly between them.
        depth: of a tree.
        bins: that each feature is cut into.
        least_weight: of the rows of a leaf.
        ridge: penalty of leaf values.
        knee_mph: see `_gradient`.
    """

    stages: int = 6
    trees: int = 60
    rows: int = 250_000
    validation_rows: int = 60_000
    first_rate: float = 0.2
    last_rate: float = 0.06
    depth: int = 7
    bins: int = 64
    least_weight: float = 20.0
    ridge: float = 1.0
    knee_mph: float = 2.0


DEFAULT = XgboostSettings()


def fit_xgboost(task: Task, settings: XgboostSettings = DEFAULT) -> Fitted:
    """Boost until the stages are done or the validation part no longer gains.

    With a limit, some trees on a few rows tell how many stages and rows there is time for, and no stage begins that
    would pass it.

    Raises:
        TooLittleError: too little history.
    """
    pace, source = Pacing.of(task), Source.of(task.recorded, task.split)
    settings = _settled(task, settings, source, pace)
    if task.again is not None:
        return _again(task, settings, source, int(task.again["stages_kept"]))
    held_out = source.validation(settings.validation_rows)
    expected = np.zeros_like(held_out.target)
    boosters: list[xgboost.Booster] = []
    errors: list[float] = []
    total = settings.stages * settings.trees
    task.progress(0, total)
    for stage in pace.while_time("stage", settings.stages, 1):
        boosters.append(_stage(task, settings, source, stage, boosters))
        expected = expected + boosters[-1].inplace_predict(held_out.features)
        errors.append(held_out.error_mph(expected))
        task.progress((stage + 1) * settings.trees, total, f"validation MAE {errors[-1]:.3f} mph")
        if stage and errors[-1] >= errors[-2]:
            break
    task.progress(total, total, f"validation MAE {min(errors):.3f} mph")
    best = boosters[: int(np.argmin(errors)) + 1]
    return _fitted(source, best, {**asdict(settings), "stages_kept": len(best), "validation_mae_mph": errors})


def _again(task: Task, settings: XgboostSettings, source: Source, stages: int) -> Fitted:
    """As many stages as that fit kept, with its learning rates."""
    boosters: list[xgboost.Booster] = []
    for stage in range(stages):
        boosters.append(_stage(task, settings, source, stage, boosters))
        task.progress((stage + 1) * settings.trees, stages * settings.trees)
    return _fitted(source, boosters, {**asdict(settings), "stages_kept": stages})


def _stage(
    task: Task, settings: XgboostSettings, source: Source, stage: int, before: list[xgboost.Booster]
) -> xgboost.Booster:
    name = f"stage-{stage}.ubj"
    content = task.checkpoints.read(name)
    if content is None:
        content = _boosted(task, settings, source, stage, before)
        task.checkpoints.write(name, content)
    return xgboost.Booster({"nthread": 1}, model_file=bytearray(content))


def _fitted(source: Source, best: list[xgboost.Booster], settings: dict[str, Any]) -> Fitted:
    return Fitted(
        tensors=source.tensors(),
        onnx=to_onnx([tree for booster in best for tree in trees_of(booster)], "BRANCH_LT", COUNT),
        importance=_importance(best),
        settings={**settings, "features": list(NAMES)},
    )


def trees_of(booster: xgboost.Booster) -> Iterable[Tree]:
    """The trees of a booster with vector leaves."""
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    for tree in model["trees"]:
        left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
        leaf = left < 0
        weights = np.array(tree["leaf_weights"], dtype=np.float32).reshape(-1, HORIZONS)
        yield Tree(
            left=left,
            right=np.where(leaf, 0, right),
            feature=np.array(tree["split_indices"]),
            threshold=np.array(tree["split_conditions"], dtype=np.float32),
            missing_left=np.array(tree["default_left"], dtype=np.bool_),
            # A leaf has no right child: there xgboost says where its values are.
            values=np.where(leaf[:, None], weights[np.where(leaf, right, 0)], 0),
        )


def _settled(task: Task, settings: XgboostSettings, source: Source, pace: Pacing) -> XgboostSettings:
    if task.again is not None:
        return replace(settings, rows=int(task.again["rows"]), stages=int(task.again["stages"]))

    a_stage: list[float] = []

    def stages_in(left: float) -> int:
        # A tree on fewer rows than these takes as long: where time is short, there are fewer trees.
        few, sampling = TRIED_ROWS, pace.timed(lambda: source.sample(TRIED_ROWS, np.random.default_rng(task.seed)))
        tried = replace(settings, rows=few, trees=TRIED_TREES)
        boosting = pace.timed(lambda: _boosted(replace(task, progress=_untold), tried, source, 0, [])) - sampling
        # A stage also forecasts with all trees before it, its own rows and those that are held out.
        a_stage.append(FORECASTING * (sampling + max(boosting, 0.0) * settings.trees / TRIED_TREES))
        return int(np.clip((left - sampling - boosting) / a_stage[0], 1, settings.stages))

    def rows_in(left: float) -> int:
        wanted = TRIED_ROWS * left / (stages * a_stage[0]) if a_stage else TRIED_ROWS
        return int(np.clip(wanted, 2 * LEAST_ROWS, settings.rows))

    stages = pace.decide("stages", settings.stages, stages_in)
    rows = pace.decide("rows", settings.rows, rows_in)
    return replace(
        settings, rows=rows, stages=stages if source.available > rows else min(stages, max(1, settings.stages // 3))
    )


def _untold(done: float, total: float, note: str = "") -> None:
    del done, total, note


def _boosted(
    task: Task, settings: XgboostSettings, source: Source, stage: int, before: Iterable[xgboost.Booster]
) -> bytes:
    sample = source.sample(settings.rows, np.random.default_rng([task.seed, stage]))
    if len(sample.features) < LEAST_ROWS:
        raise TooLittleError(f"xgboost needs {LEAST_ROWS} readings to learn from: give a longer history")
    residual, told = sample.target.copy(), sample.told.astype(np.float32)
    for booster in before:
        residual -= booster.inplace_predict(sample.features)
    data = xgboost.QuantileDMatrix(sample.features, residual, max_bin=settings.bins, nthread=1)
    share = stage / max(1, settings.stages - 1)
    parameters = {
        "multi_strategy": "multi_output_tree",
        "tree_method": "hist",
        "base_score": 0.0,
        "eta": settings.first_rate + share * (settings.last_rate - settings.first_rate),
        "max_depth": settings.depth,
        "max_bin": settings.bins,
        "min_child_weight": settings.least_weight,
        "reg_lambda": settings.ridge,
        # Sums of floats depend on how many threads share them.
        "nthread": 1,
        "seed": task.seed,
    }

    def objective(change: Compact, _data: xgboost.DMatrix) -> tuple[Compact, Compact]:
        return _gradient(residual - change, told, settings.knee_mph)

    booster = xgboost.train(parameters, data, settings.trees, obj=objective, callbacks=[_Told(task, settings, stage)])
    return bytes(booster.save_raw("ubj"))


class _Told(xgboost.callback.TrainingCallback):
    """Passes on how many trees there are."""

    def __init__(self, task: Task, settings: XgboostSettings, stage: int) -> None:
        self._task, self._done = task, stage * settings.trees
        self._total = settings.stages * settings.trees

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: object) -> bool:  # noqa: ARG002 - its interface
        """After each tree; goes on."""
        self._task.progress(self._done + epoch + 1, self._total)
        return False


def _gradient(residual: Compact, told: Compact, knee_mph: float) -> tuple[Compact, Compact]:
    """Of sqrt(r² + knee²), which is |r| but for a round knee, and the curvature of the parabola that touches it above.

    With that curvature instead of the loss's own a leaf is a weighted mean with weights 1 / sqrt(r² + knee²), and no
    step makes the loss greater (majorisation; iteratively reweighted least squares, Holland and Welsch, 1977). Targets
    that are not told weigh nothing.
    """
    weight = told * (knee_mph / np.sqrt(residual**2 + np.float32(knee_mph**2)))
    return -weight * residual, weight


def _importance(boosters: Iterable[xgboost.Booster]) -> dict[str, float]:
    """Share of each feature in what all splits together gained."""
    gains = np.zeros(COUNT)
    for booster in boosters:
        scores: dict[str, Any] = booster.get_score(importance_type="total_gain")
        for name, gain in scores.items():
            gains[int(name.removeprefix("f"))] += gain
    return {name: float(gain / max(gains.sum(), 1e-9)) for name, gain in zip(NAMES, gains, strict=True)}
