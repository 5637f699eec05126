"""Adds a service to ministack that it does not have."""

from __future__ import annotations

from collections.abc import Callable

from ministack import app
from ministack.core import iam_actions, router


def add(service: str, answer: Callable, named: Callable[[str, dict, bytes], str]) -> None:
    """Has ministack know the service by what its calls are signed for, ask for its rights upon what a call's path, address
    and body name, and answer."""
    router.SERVICE_PATTERNS[service] = {}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[service] = service
    iam_actions._BOTOCORE_SERVICE_MAP[service] = [service]
    app.SERVICE_HANDLERS[service] = answer
    extract = iam_actions.extract_resource_arn

    def extracted(of, method, path, headers, body, query, region, account):
        if of == service:
            return named(path, query, body)
        return extract(of, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = extracted
