"""What a process has loaded once stays: the collector need not look through it again."""

import gc

# New objects until the collector looks at them. A request makes thousands that go by themselves:
# with Python's 700, one in a few answers waits for a round over everything that is in flight.
_NEW_OBJECTS = 10_000


def settle() -> None:
    """Take everything that lives now out of the collector's rounds.

    A full round over the modules, models and routes of a started process takes more than
    100 ms, in which no other thread answers; over what came since it takes a few.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
