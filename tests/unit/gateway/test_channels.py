import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.live.channels import MAX_CACHED_MESSAGES, Board, Channel, Item, Selection, Subscriber
from shared.events.records import SensorId

TIME = datetime(2012, 5, 2, 15, 5, tzinfo=UTC)
ALL = Selection()


class Written:
    """Writes values and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def item(self, key: str, value: int = 0, horizon: int | None = 15, sensors: tuple[str, ...] | None = None) -> Item:
        def write() -> bytes:
            self.count += 1
            return json.dumps({"key": key, "value": value}).encode()

        return Item(key, tuple(map(SensorId, sensors or (key,))), horizon, write)


def parsed(text: str | None) -> Any:  # noqa: ANN401 - JSON
    assert text is not None
    return json.loads(text)


def values(text: str | None) -> dict[str, int]:
    return {row["key"]: row["value"] for row in parsed(text)["data"]}


def test_an_empty_board_has_an_empty_snapshot() -> None:
    assert parsed(Board(Channel.PREDICTIONS).message(ALL, None)) == {
        "type": "predictions_snapshot",
        "data": [],
        "timestamp": None,
    }


def test_a_snapshot_has_everything_and_an_update_what_changed() -> None:
    board, written = Board(Channel.ALERTS), Written()
    assert board.publish([written.item("a", 1), written.item("b", 1)], (), TIME)
    assert board.publish([written.item("b", 2)], (), TIME)
    assert values(board.message(ALL, None)) == {"a": 1, "b": 2}
    assert parsed(board.message(ALL, 1)) == {
        "type": "alerts_update",
        "data": [{"key": "b", "value": 2}],
        "timestamp": "2012-05-02T15:05:00Z",
    }
    assert board.message(ALL, 2) is None


def test_nothing_changed_is_no_update() -> None:
    board = Board(Channel.PREDICTIONS)
    assert not board.publish([], (), TIME)
    assert board.update == 0


def test_each_value_is_written_once_for_any_number_of_clients() -> None:
    board, written = Board(Channel.PREDICTIONS), Written()
    board.publish([written.item("a"), written.item("b")], (), TIME)
    texts = {
        board.message(selection, None)
        for selection in (ALL, Selection(None, 15), Selection(frozenset({SensorId("a")})))
    }
    assert len(texts) == 2
    assert board.message(ALL, None) is board.message(ALL, None)
    assert written.count == 2


def test_what_nobody_selects_is_never_written() -> None:
    board, written = Board(Channel.PREDICTIONS), Written()
    board.publish([written.item("a", horizon=15), written.item("a60", horizon=60)], (), TIME)
    board.message(Selection(None, 15), None)
    assert written.count == 1


def test_a_selection_takes_its_horizon_its_sensors_and_what_has_no_horizon() -> None:
    item = Written().item
    assert Selection(None, 15).takes(item("a", horizon=15))
    assert not Selection(None, 15).takes(item("a", horizon=30))
    assert Selection(None, 15).takes(item("a", horizon=None))
    assert Selection(None, 15, "m").takes(replace(item("a", horizon=15), model_name="m"))
    assert not Selection(None, 15, "m").takes(item("a", horizon=15))
    assert not Selection(None, 15).takes(replace(item("a", horizon=15), model_name="m"))
    only_a = Selection(frozenset({SensorId("a")}), None)
    assert only_a.takes(item("x", sensors=("a", "b")))
    assert not only_a.takes(item("x", sensors=("b",)))
    assert not Selection(frozenset(), None).takes(item("x"))


def test_what_is_gone_is_in_no_snapshot_and_may_come_back_in_the_same_update() -> None:
    board, written = Board(Channel.PREDICTIONS), Written()
    board.publish([written.item("a", 1), written.item("b", 1)], (), TIME)
    board.publish([written.item("b", 2)], ["a", "b", "never there"], TIME)
    assert values(board.message(ALL, None)) == {"b": 2}
    assert len(board) == 1


def test_a_client_that_slept_gets_the_latest_value_of_each_key_once() -> None:
    board, written = Board(Channel.PREDICTIONS), Written()
    boards = {channel: Board(channel) for channel in Channel} | {Channel.PREDICTIONS: board}
    client = Subscriber({Channel.PREDICTIONS: ALL})
    board.publish([written.item("a", 0), written.item("b", 0)], (), TIME)
    assert [values(text) for text in client.take(boards)] == [{"a": 0, "b": 0}]
    for value in range(1, 101):
        board.publish([written.item("a", value)], (), TIME)
    assert [values(text) for text in client.take(boards)] == [{"a": 100}]
    assert client.coalesced == 99
    assert client.take(boards) == []


def test_a_client_that_joins_is_given_a_snapshot_of_each_channel() -> None:
    boards = {channel: Board(channel) for channel in Channel}
    client = Subscriber({Channel.PREDICTIONS: ALL, Channel.ALERTS: ALL})
    assert [parsed(text)["type"] for text in client.take(boards)] == ["predictions_snapshot", "alerts_snapshot"]


def test_a_changed_selection_starts_with_a_snapshot_and_an_unchanged_one_goes_on() -> None:
    boards = {channel: Board(channel) for channel in Channel}
    client = Subscriber({Channel.PREDICTIONS: ALL, Channel.ALERTS: ALL})
    client.take(boards)
    client.select({Channel.PREDICTIONS: Selection(None, 30), Channel.ALERTS: ALL})
    assert [parsed(text)["type"] for text in client.take(boards)] == ["predictions_snapshot"]
    client.select({Channel.ALERTS: ALL})
    assert client.take(boards) == []
    client.select({Channel.PREDICTIONS: Selection(None, 30)})
    assert [parsed(text)["type"] for text in client.take(boards)] == ["predictions_snapshot"]


def test_the_messages_kept_are_bounded() -> None:
    board, written = Board(Channel.PREDICTIONS), Written()
    board.publish([written.item("a")], (), TIME)
    for number in range(3 * MAX_CACHED_MESSAGES):
        board.message(Selection(frozenset({SensorId(str(number))})), None)
    assert len(board._messages) <= MAX_CACHED_MESSAGES


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), max_size=4)),
        st.tuples(st.just("take"), st.integers(0, 2)),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_client_ends_with_the_truth_however_slow_it_was(steps: list[tuple[str, Any]]) -> None:
    boards, written = {channel: Board(channel) for channel in Channel}, Written()
    clients = [Subscriber({Channel.PREDICTIONS: ALL}) for _ in range(3)]
    seen: list[dict[str, int]] = [{}, {}, {}]
    truth: dict[str, int] = {}
    published = 0

    def take(number: int) -> None:
        for text in clients[number].take(boards):
            seen[number].update(values(text))

    for kind, what in steps:
        if kind == "publish":
            truth.update(what)
            published += len(what)
            boards[Channel.PREDICTIONS].publish([written.item(key, value) for key, value in what.items()], (), TIME)
        else:
            take(what)
    for number in range(3):
        take(number)
    assert seen == [truth] * 3
    assert written.count <= published
