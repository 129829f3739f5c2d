"""The optional extra ``report``: what CycloneDX, SPDX and signatures need."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from lineage_guard.domain.errors import ConfigError

#: How to get it.
INSTALL = "pip install 'lineage-guard[report]'"


@contextmanager
def needed_for(what: str) -> Generator[None]:
    """Turn a package that is not installed into an error that names the extra.

    Args:
        what: what it is needed for.

    Raises:
        ConfigError: when an import inside fails.

    Example:
        >>> with needed_for("a format"):
        ...     import no_such_package
        Traceback (most recent call last):
        ...
        lineage_guard.domain.errors.ConfigError: a format needs ... To fix: pip install 'lineage-guard[report]'
    """
    try:
        yield
    except ImportError as error:
        missing = error.name or str(error)
        raise ConfigError(f"{what} needs a package that is not installed: {missing}", fix=INSTALL) from error
