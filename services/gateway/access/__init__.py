"""Who asks, what they may do, and how much of it.

    principals   who somebody is, and the scopes that a request can need
    keys         API keys: made, hashed, rotated and revoked in one file
    tokens       JSON Web Tokens of an identity provider, by its published keys
    keyring      one credential in, a principal out; keys are read again when their file changes
    tickets      what opens one WebSocket, once and within seconds
    audit        writes and refusals, with who, as lines of the log
    limits       token buckets: requests, faults and messages a second
    origins      which hosts the gateway answers for, and whose pages may open a WebSocket

Nothing in here knows a route. Credentials are compared by their hash; none is logged, nor any part of one but the id.
"""
