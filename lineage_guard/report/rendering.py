"""The formats of a report by name; each is imported when it is asked for."""

from __future__ import annotations

from lineage_guard.report.contents import Report

FORMATS = ("json", "html", "cyclonedx", "spdx")


def render(report: Report, format_: str) -> bytes:
    """The report in one of the formats; the same report gives the same bytes.

    Args:
        report: the report.
        format_: one of ``FORMATS``.

    Raises:
        ConfigError: when the format needs the extra ``report`` and that is not installed.
        ValueError: for another format.
    """
    if format_ == "json":
        from lineage_guard.report.document import as_json

        return as_json(report)
    if format_ == "html":
        from lineage_guard.report.page import as_html

        return as_html(report)
    if format_ == "cyclonedx":
        from lineage_guard.report.cyclonedx import as_cyclonedx

        return as_cyclonedx(report)
    if format_ == "spdx":
        from lineage_guard.report.spdx import as_spdx

        return as_spdx(report)
    raise ValueError(f"unknown format {format_!r}: expected one of {', '.join(FORMATS)}")
