"""What can be chosen about the training of the neural network."""

from dataclasses import dataclass

from shared.forecasting.models.perceptron import PerceptronSize


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """One network: its size, and in how many blocks what is usual is learned apart (0: without its own day alone)."""

    size: PerceptronSize
    usual_blocks: int = 0


@dataclass(frozen=True, slots=True)
class NeuralNetworkSettings:
    """The members, and how each is trained.

    Attributes:
        members: each begins from other random weights and sees the origins in another order. As many as there is time
            for are trained.
        enough: of the members, where there is no limit on time: the first two gain the most.
        hurried: trained alone where there is time for few steps of a member: a small network learns more in it.
        epochs: how often each origin to fit to is seen.
        least_steps: of the optimiser; a short history is seen more often instead.
        batch: origins in a step, at most.
        pairs: of origins and sensors in a step, about, at most: a step of a large network has fewer origins.
        hurried_pairs: the same of the small network: where time is short, more steps of fewer origins learn more.
        learning_rate: at its highest, after `warm_up` steps; it then falls along a cosine.
        weight_decay: of AdamW.
        clip: longest gradient.
        dropout: share of hidden units left out.
        hidden_sensors: share of (origin, sensor) pairs whose own history is hidden.
        hidden_windows: share of single windows hidden.
        damaged: share of origins in which up to `most_damaged` of all windows are hidden.
        forgotten: share of origins of which nothing is known of the days before.
        strangers: share of (origin, sensor) pairs that are shown as a sensor never seen.
        averaged: share of the steps that the average of the weights reaches back over (exponential; Polyak & Juditsky
            1992). It serves where it does better on the validation part than the last weights.
    """

    members: tuple[MemberSettings, ...] = 4 * (
        MemberSettings(PerceptronSize(width=144, heard=64, hubs=24, layers=3, hearing_layers=2), usual_blocks=4),
        MemberSettings(PerceptronSize(width=144, heard=64, hubs=24, layers=3, hearing_layers=2), usual_blocks=6),
    )
    enough: int = 2
    hurried: MemberSettings = MemberSettings(
        PerceptronSize(width=72, heard=32, hubs=16, layers=2, hearing_layers=1), usual_blocks=4
    )
    epochs: int = 6
    least_steps: int = 1500
    batch: int = 64
    pairs: int = 16_384
    hurried_pairs: int = 3_300
    learning_rate: float = 2e-3
    warm_up: int = 300
    weight_decay: float = 1e-4
    clip: float = 5.0
    dropout: float = 0.15
    hidden_sensors: float = 0.08
    hidden_windows: float = 0.02
    damaged: float = 0.06
    most_damaged: float = 0.6
    forgotten: float = 0.08
    strangers: float = 0.03
    averaged: float = 0.2
