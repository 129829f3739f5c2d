"""The optional extras: an import that fails becomes an error that says what to install."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from lineage_guard.domain.errors import ConfigError


@contextmanager
def needed_for(what: str, extra: str, *, otherwise: str = "") -> Generator[None]:
    """Turn a package that is not installed into an error that names the extra.

    Args:
        what: what it is needed for.
        extra: the extra that brings it.
        otherwise: what to do without it, if there is anything.

    Raises:
        ConfigError: when an import inside fails.

    Example:
        >>> with needed_for("a format", "report"):
        ...     import no_such_package
        Traceback (most recent call last):
        ...
        lineage_guard.domain.errors.ConfigError: a format needs ... To fix: pip install 'lineage-guard[report]'
    """
    try:
        yield
    except ImportError as error:
        missing = error.name or str(error)
        fix = f"pip install 'lineage-guard[{extra}]'" + (f", or {otherwise}" if otherwise else "")
        raise ConfigError(f"{what} needs a package that is not installed: {missing}", fix=fix) from error
