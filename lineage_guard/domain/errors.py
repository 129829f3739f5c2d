"""The error tree. Every error says what is wrong, where, and what to do next.

LineageGuardError
├── ConfigError            a file, option or argument is wrong
│   ├── PolicyError        ... a policy file
│   ├── CatalogError       ... a catalog file
│   ├── WaiverError        ... a file of waivers
│   ├── DeclarationError   ... a declaration on an asset
│   └── UnsupportedAsset   ... an asset shape the gate cannot wrap
├── LedgerError            the ledger cannot be read or written
├── EventError             an OpenLineage event cannot be understood
└── SuiteError             an expectation suite cannot be loaded or run
"""

from __future__ import annotations


class LineageGuardError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        what: what is wrong.
        where: file, line, column, asset or URL; ``None`` when there is no such place.
        fix: what to do next.

    Example:
        >>> print(ConfigError("unknown effect 'deny'", where="policy.yaml:4:13", fix="use 'block'"))
        policy.yaml:4:13: unknown effect 'deny'. To fix: use 'block'
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}. To fix: {self.fix}"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(kind: type[LineageGuardError], what: str, where: str | None, fix: str) -> LineageGuardError:
    return kind(what, where=where, fix=fix)


class ConfigError(LineageGuardError):
    """A file, option or argument is wrong."""


class PolicyError(ConfigError):
    """A policy file is wrong."""


class CatalogError(ConfigError):
    """A catalog file is wrong."""


class WaiverError(ConfigError):
    """A file of waivers is wrong or cannot be read. The gate turns this into a block."""


class DeclarationError(ConfigError):
    """A declaration on an asset is wrong."""


class UnsupportedAsset(ConfigError):
    """An asset has a shape that the gate cannot wrap; guarding it silently would be a lie."""


class LedgerError(LineageGuardError):
    """The ledger cannot be read or written. The gate turns this into a block."""


class EventError(LineageGuardError):
    """An OpenLineage event cannot be understood; it is kept aside, with this reason."""


class SuiteError(LineageGuardError):
    """An expectation suite cannot be loaded whole, or cannot be run."""
