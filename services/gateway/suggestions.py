"""What somebody may have meant by a name that there is not. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 500
LONGEST_NAME = 100
ALIKE = 0.6
SHOWN_NAMES = 20


def suggestion(name: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or where nothing is alike and there are few names: all of them; else nothing."""
    names = [each for each, _ in zip(known, range(MOST_NAMES), strict=False)]
    by_folded = {each.casefold(): each for each in names}
    asked = name[:LONGEST_NAME].casefold()
    close = get_close_matches(asked, by_folded, 1, ALIKE)
    # `sensor` for `sensor_id`, `units` for nothing: a beginning counts as alike even where much is missing.
    close = close or [each for each in by_folded if len(asked) > 2 and each.startswith(asked)][:1]  # noqa: PLR2004 - two letters begin many names
    if close:
        return f"did you mean {by_folded[close[0]]}?"
    if not names:
        return "there are none"
    return f"there are {', '.join(names)}" if len(names) <= SHOWN_NAMES else ""


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """As a sentence: that there is nothing of that name, and what may have been meant, where something is alike."""
    hint = suggestion(name, known)
    return f"There is no {what} {name[:LONGEST_NAME]}." + (f" D{hint[1:]}" if hint.startswith("did") else "")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """That there is no such name, and what may have been meant; `what` is such as 'sensor'."""
    hint = suggestion(name, known)
    return f"there is no {what} {name[:LONGEST_NAME]!r}" + (f"; {hint}" if hint else "")
