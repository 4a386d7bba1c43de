"""What the broker does with each request: (state, request, context) to response, both as mappings by field name."""
