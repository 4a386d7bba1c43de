"""The ASGI application around the routes, and the server that runs it.

    application            routes, middleware, problems and OpenAPI put together
    middleware, problems   every request counted; every error a problem by RFC 9457
    openapi, reference     the API's document and its page, with nothing loaded from elsewhere
    server                 uvicorn on a socket of ours, which can drop a dead client

Nothing in here knows a resource of the API by name but `application`, which mounts their routers.
"""
