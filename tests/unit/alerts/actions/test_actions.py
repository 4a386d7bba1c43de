"""Operators' actions: each counts once, and a closed alert stays closed for as long as its cause lasts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.actions.alerts import AlertActions
from shared.alerts.actions.rule import MAX_ACTIONS, acted, as_published, as_watched, is_closed, is_lasting
from shared.events.avro import encode
from shared.events.limits import MAX_COMMENT_CHARACTERS, MAX_OPERATOR_CHARACTERS
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertId,
    AlertSeverity,
    AlertStatus,
    NetworkId,
    SensorId,
    TrafficAlert,
)
from shared.events.text import MAX_ID_CHARACTERS
from tests.kit.announcements import alert_of

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
NETWORK = NetworkId("test")
ACKNOWLEDGE, COMMENT, CLOSE = AlertActionKind


def alert(name: str = "a", revision: int = 1, step: int = 0) -> TrafficAlert:
    return alert_of(
        START,
        alert_id=AlertId(name),
        network_id=NETWORK,
        severity=AlertSeverity.HIGH,
        revision=revision,
        message="Queue of 2 mi",
        updated_at=START + step * WINDOW,
        affected_sensors=(SensorId("E3"),),
    )


def updated(known: TrafficAlert, step: int) -> TrafficAlert:
    return replace(known, status=AlertStatus.UPDATED, revision=known.revision + 1, updated_at=START + step * WINDOW)


def cleared(known: TrafficAlert, step: int) -> TrafficAlert:
    at = START + step * WINDOW
    return replace(
        known, status=AlertStatus.CLEARED, revision=known.revision + 1, message="Flows", updated_at=at, cleared_at=at
    )


def action(kind: AlertActionKind, name: str = "1", text: str = "", of: str = "a") -> AlertAction:
    return AlertAction(name, AlertId(of), NETWORK, kind, START + timedelta(days=9), "Dana", text)


def test_an_alert_with_as_many_actions_as_it_may_have_fits_into_a_message_and_can_be_closed() -> None:
    subject, longest = alert(), "\U0001f697" * MAX_COMMENT_CHARACTERS
    for number in range(2 * MAX_ACTIONS):
        remark = action(COMMENT, f"{number}" + "\U0001f697" * (MAX_ID_CHARACTERS - 4), longest)
        remark = replace(remark, operator="\U0001f697" * MAX_OPERATOR_CHARACTERS)
        subject = acted(subject, remark, START + WINDOW) or subject
    assert len(subject.actions) == MAX_ACTIONS
    closed = acted(subject, action(CLOSE, "last", longest), START + WINDOW)
    assert closed is not None
    assert not closed.active
    assert len(encode(closed)) < 700_000


def test_an_acknowledgement_is_an_update_that_no_window_made() -> None:
    before = alert()
    after = acted(before, action(ACKNOWLEDGE), START + WINDOW)
    assert after == replace(before, status=AlertStatus.UPDATED, revision=2, actions=(action(ACKNOWLEDGE),))
    assert acted(after, action(ACKNOWLEDGE), START + WINDOW) is None


def test_a_close_clears_and_says_who() -> None:
    closed = acted(alert(), action(CLOSE, text="false alarm"), START + WINDOW)
    assert closed is not None
    assert (closed.status, closed.revision) == (AlertStatus.CLEARED, 2)
    assert closed.cleared_at == closed.updated_at == START + WINDOW
    assert closed.message == "Closed by Dana: false alarm. Before: Queue of 2 mi"
    assert is_closed(closed)
    assert is_lasting(closed)
    assert acted(closed, action(CLOSE, "2"), START + WINDOW) is None


def test_a_close_is_not_before_the_last_change() -> None:
    closed = acted(alert(step=3), action(CLOSE), START)
    assert closed is not None
    assert closed.cleared_at == START + 3 * WINDOW


def test_what_is_cleared_can_be_remarked_on_and_not_closed() -> None:
    over = cleared(alert(), 2)
    remarked = acted(over, action(COMMENT, text="wet road"), START + 5 * WINDOW)
    assert remarked == replace(over, revision=3, actions=(action(COMMENT, text="wet road"),))
    assert not is_closed(remarked)
    assert acted(over, action(CLOSE), START) is None


def test_detectors_see_a_closed_alert_stand_until_they_clear_it() -> None:
    closed = acted(alert(), action(CLOSE), START + WINDOW)
    assert closed is not None
    watched = as_watched(closed)
    assert watched.active
    assert watched.cleared_at is None
    assert as_published(updated(watched, 3), closed) is None
    over = as_published(cleared(watched, 6), closed)
    assert over is not None
    assert (over.revision, over.cleared_at, over.updated_at) == (3, closed.cleared_at, START + 6 * WINDOW)
    assert over.message.startswith("Closed by Dana")
    assert is_closed(over)
    assert not is_lasting(over)
    # It lasted until the traffic recovered, for those who learn from it.
    assert as_watched(over).cleared_at == START + 6 * WINDOW
    assert as_published(cleared(watched, 7), over) is None


def test_a_cause_that_ends_with_the_close_is_over_on_the_log() -> None:
    closed = acted(alert(), action(CLOSE), START + WINDOW)
    assert closed is not None
    over = as_published(cleared(as_watched(closed), 1), closed)
    assert over is not None
    assert not is_lasting(over)


def test_updates_carry_the_actions_along_and_are_numbered_after_them() -> None:
    seen = acted(alert(), action(ACKNOWLEDGE), START)
    assert seen is not None
    after = as_published(updated(alert(), 2), seen)
    assert after is not None
    assert (after.revision, after.actions) == (3, seen.actions)
    assert as_published(alert(), None) == alert()


def test_an_action_on_an_unknown_alert_changes_nothing() -> None:
    actions = AlertActions()
    actions.recall([NETWORK], [])
    actions.put(action(ACKNOWLEDGE, of="gone"))
    assert list(actions.due(NETWORK, START)) == []


def test_a_network_that_is_not_ours_is_left_alone() -> None:
    actions = AlertActions()
    actions.put(action(ACKNOWLEDGE))
    assert list(actions.due(NETWORK, START)) == []
    actions.recall([NETWORK], [alert()])
    assert len(list(actions.due(NETWORK, START))) == 1
    actions.forget([NETWORK])
    assert list(actions.due(NETWORK, START)) == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("act"), st.sampled_from(AlertActionKind), st.integers(0, 5)),
        st.tuples(st.just("detect"), st.booleans(), st.just(0)),
        st.tuples(st.just("restart"), st.booleans(), st.just(0)),
        st.tuples(st.just("reread"), st.none(), st.just(0)),
    ),
    max_size=30,
)


@given(STEPS)
def test_each_action_counts_once_whatever_restarts_and_repeats(
    steps: list[tuple[str, AlertActionKind | bool | None, int]],
) -> None:
    actions, topic = AlertActions(), list[AlertAction]()
    log = [alert()]
    (watched,) = actions.recall([NETWORK], log)
    for number, (what, how, name) in enumerate(steps, start=1):
        lost = False
        if what == "act":
            assert isinstance(how, AlertActionKind)
            topic.append(action(how, f"{name}"))
            actions.put(topic[-1])
            changes = list(actions.due(NETWORK, START + number * WINDOW))
        elif what == "detect" and watched.active:
            watched = updated(watched, number) if how else cleared(watched, number)
            changes = list(actions.published([watched]))
        else:
            lost, changes = bool(how), []
            actions = AlertActions() if what == "restart" else actions
            actions.restart()
            for each in topic:
                actions.put(each)
            if what == "restart":
                (watched,) = actions.recall([NETWORK], log[-1:])
            if not lost:
                changes = list(actions.due(NETWORK, START + number * WINDOW))
        log.extend(changes)
    last = log[-1]
    assert [one.revision for one in log] == list(range(1, len(log) + 1))
    names = [one.action_id for one in last.actions]
    assert len(names) == len(set(names))
    # Of every id the first action counts, but for closes of what is cleared.
    firsts = {one.action_id: one for one in reversed(topic)}
    assert all(one in topic for one in last.actions)
    assert all(name in names for name, one in firsts.items() if one.kind is not CLOSE) or steps[-1][0] == "restart"
    # Once it is closed it never stands again.
    active = [one.active for one in log]
    assert active == sorted(active, reverse=True)
