"""SPDX licence expressions: is this text one?"""

from __future__ import annotations

from typing import Protocol, cast


class _Licensing(Protocol):
    """The one method used of ``license_expression.Licensing``, which ships without types."""

    def unknown_license_keys(self, expression: str) -> list[str]: ...


def expression_error(text: str) -> str | None:
    """Say what is wrong with an SPDX licence expression, or ``None`` when nothing is.

    Licences outside the SPDX list are written ``LicenseRef-<idstring>`` (SPDX 2.3, annex D).

    Args:
        text: the expression.

    Example:
        >>> expression_error("Apache-2.0 AND LicenseRef-OpenAI-Terms") is None
        True
        >>> expression_error("Appache-2.0")
        "'Appache-2.0' is not on the SPDX licence list"
    """
    from license_expression import ExpressionError, ExpressionParseError, get_spdx_licensing

    if not text.strip():
        return "it is empty"
    licensing = cast("_Licensing", get_spdx_licensing())
    try:
        symbols = licensing.unknown_license_keys(text)
    except (ExpressionError, ExpressionParseError) as error:
        return f"{text!r} cannot be read: {error}"
    unknown = [s for s in symbols if not s.startswith(("LicenseRef-", "DocumentRef-"))]
    return f"{unknown[0]!r} is not on the SPDX licence list" if unknown else None
