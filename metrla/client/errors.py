"""What goes wrong between a client and its gateway."""


class GatewayError(Exception):
    """The gateway refused a request, did not answer, or answered with what is no answer.

    `status` is the HTTP status, `None` where there was none.
    """

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
