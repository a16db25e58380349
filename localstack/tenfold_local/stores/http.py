"""Whether a server answers."""

from __future__ import annotations

import http.client
import urllib.request


def answers(url: str) -> bool:
    """With 200; whatever else may listen there need not speak HTTP."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False
