"""Observe: which model really answered, noticed without the author's help.

``guard()`` observes every asset it wraps. What an author may use beside it:

- ``response(answered, host=...)`` records a response of a client that nobody hooks;
- ``weights(folder)`` computes the digest of weights, for ``ModelSource(digest=...)``.

Importing this imports nothing but the standard library and the domain.
"""

from lineage_guard.observe.install import install
from lineage_guard.observe.recorder import Recorder, recording
from lineage_guard.observe.responses import response
from lineage_guard.observe.weights import weights_digest as weights

__all__ = ["Recorder", "install", "recording", "response", "weights"]
