"""The one item there is."""


def only(items):
    """Unpack the only item; fails if there are none or more."""
    (item,) = items
    return item
