"""The ASGI application around the routes, and the server that runs it."""
