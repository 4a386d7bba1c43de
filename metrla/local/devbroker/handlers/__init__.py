"""What the embedded broker does with each request: (state, request, context) to response.

    dispatch                    from the frame of a request to the frame of its response
    produce, fetch              records in and out; a fetch waits on its partitions' appends, not on a timer
    topics                      metadata, creation, deletion, configuration
    groups                      consumer groups: members, offsets, descriptions
    context                     what every handler is given

One module a family of requests. Requests and responses are mappings by field name; versions and fields are `wire`'s.
"""
