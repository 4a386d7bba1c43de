"""Whether a server of the native stack does its work: asked of its port, its log and its own report."""

import socket

import httpx

from metrla.local.stack.components import LOOPBACK, Component

TIMEOUT_S = 2.0


def is_ready(component: Component, log: str) -> bool:
    """Whether all that the component names as signs of readiness is there; `log` is what it has said so far."""
    return (
        (component.port is None or _accepts(component.port))
        and (component.log_says is None or component.log_says in log)
        and _reports(component)
    )


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=TIMEOUT_S):
            return True
    except OSError:
        return False


def _reports(component: Component) -> bool:
    if component.http_says is None:
        return True
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{component.http_port}{component.http_path}", timeout=TIMEOUT_S)
    except httpx.TransportError:
        return False
    return component.http_says.search(answer.text) is not None
