"""What the gateway knows: the latest state of everything, rebuilt from the topics. Pure, and bounded in memory.

    windows               the newest windows of every sensor
    predictions, origins  the newest forecast origins, and of each sensor and model the newest
    alerts, advisories    the current state of each
    traffic               all of them in one place: what the follower fills and the routes ask
    known                 whether a record is about a sensor of ours, and within what the API promises

Records go in, in any order and more than once; the highest revision wins. Each view tells what changed since it was
last asked, which is what goes to the WebSocket.
"""
