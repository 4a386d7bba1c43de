"""Directions of travel as people and agencies write them. Pure."""

DIRECTIONS = {
    **dict.fromkeys(("n", "nb", "north", "northbound", "n/b"), "N"),
    **dict.fromkeys(("e", "eb", "east", "eastbound", "e/b"), "E"),
    **dict.fromkeys(("s", "sb", "south", "southbound", "s/b"), "S"),
    **dict.fromkeys(("w", "wb", "west", "westbound", "w/b"), "W"),
}


def direction_of(text: str) -> str | None:
    """'Northbound', 'NB' or 'n' as 'N'; `None` for both ways, unknown, and what is no direction."""
    return DIRECTIONS.get(text.strip().lower())
