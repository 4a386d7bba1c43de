"""What changes, to everybody who listens.

    channels          latest values for many clients: each written once, a client owns no more than its position
    hub               takes what changed from the views and pushes it, every moment
    client_messages   what a WebSocket client may say, and what it is answered

A slow client misses values, never the newest ones, and costs the others nothing. The WebSocket itself is a route
(`routes.stream`); this room knows no HTTP.
"""
