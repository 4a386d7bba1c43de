from shared.kafka.deadletter import DeadLetterLimit


def test_a_few_bad_events_at_the_start_say_nothing() -> None:
    limit = DeadLetterLimit(0.5, 1000)
    limit.count(3, 3)
    assert not limit.exceeded
    assert limit.rejected_share == 1.0


def test_it_is_exceeded_and_kept_again() -> None:
    limit = DeadLetterLimit(0.5, 1000)
    for _ in range(5):
        limit.count(100, 60)
    assert limit.exceeded
    for _ in range(10):
        limit.count(100, 0)
    assert not limit.exceeded
    assert limit.rejected_share == 0.0


def test_exactly_the_share_is_allowed() -> None:
    limit = DeadLetterLimit(0.5, 100)
    limit.count(100, 50)
    assert not limit.exceeded
    limit.count(0, 0)
    limit.count(100, 51)
    assert limit.exceeded


def test_only_the_last_events_count() -> None:
    limit = DeadLetterLimit(0.5, 100)
    limit.count(10_000, 10_000)
    limit.count(100, 0)
    assert limit.rejected_share == 0.0
