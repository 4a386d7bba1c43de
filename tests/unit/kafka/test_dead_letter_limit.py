from shared.kafka.deadletter import DeadLetterLimit


def test_a_few_bad_events_at_the_start_say_nothing() -> None:
    limit = DeadLetterLimit(0.5, 1000)
    limit.count(3, 3)
    assert not limit.exceeded
    assert limit.rejected_share == 1.0


def test_it_is_exceeded_and_kept_again() -> None:
    limit = DeadLetterLimit(0.5, 1000)
    seen = []
    for rejected in (60, 60, 60, 60, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0):
        limit.count(100, rejected)
        seen.append(limit.exceeded)
    assert seen[4]
    assert not seen[-1]
    assert limit.rejected_share == 0.0


def test_exactly_the_share_is_allowed() -> None:
    at_the_limit, above = DeadLetterLimit(0.5, 100), DeadLetterLimit(0.5, 100)
    at_the_limit.count(100, 50)
    at_the_limit.count(0, 0)
    above.count(100, 51)
    assert (at_the_limit.exceeded, above.exceeded) == (False, True)


def test_only_the_last_events_count() -> None:
    limit = DeadLetterLimit(0.5, 100)
    limit.count(10_000, 10_000)
    limit.count(100, 0)
    assert limit.rejected_share == 0.0
