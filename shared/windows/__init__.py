"""Windows of single sensors, put together to steps of a whole network. Pure.

`NetworkSteps.add(aggregate, now)` and `NetworkSteps.tick(now)` return the steps that are due. A `Step` is a value of
its own, with the windows before it, so it may be worked on later and in another thread.
"""

from shared.windows.ring import Change, WindowRing
from shared.windows.steps import NetworkSteps, Step

__all__ = ["Change", "NetworkSteps", "Step", "WindowRing"]
