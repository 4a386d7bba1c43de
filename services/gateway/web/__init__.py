"""The ASGI application around the routes, and the server that runs it.

    application            routes, middleware, problems and OpenAPI put together
    admission              known hosts, right credentials, not too often; the audit log
    middleware, problems   every request counted; every error a problem by RFC 9457
    openapi, reference     the API's document and its page, with nothing loaded from elsewhere
    door, protocol         connections: how many; how long they may take, how much they may send
    server                 uvicorn on a socket of ours, which can drop a dead client

Nothing in here knows a resource of the API by name but `application`, which mounts their routers.
"""
