"""Where alerts go, and which did not get there."""

from __future__ import annotations

import os

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result


def examine(patient: Patient) -> list[Result]:
    """Look at the sinks of this environment and at every location's outbox."""
    from lineage_guard.alerts import destinations
    from lineage_guard.alerts.delivery.unheard import missed, standing
    from lineage_guard.alerts.state import STATE, read_state

    to = destinations(os.environ)
    sinks = [s.name for s in to]
    routed = f"; {len(to.routes.routes)} routes" if to.routes else ""
    results = [Result("alert sinks", "ok", ", ".join(sinks) + routed)]
    if to.problems:
        first = to.problems[0]
        results = [Result("alert sinks", "fail", f"{first.where or 'environment'}: {first.what}", first.fix)]
    elif sinks == ["log"]:
        fix = "set up PagerDuty, Slack, mail, SNS or a webhook where the sensor runs, see docs/alerts.md"
        results = [Result("alert sinks", "warn", "only the log is told", fix)]
    if patient.ledger is None:
        return results
    # Those of every code location on this ledger, and that of whoever watches their sensors.
    states = [read_state(patient.ledger, name) for name in patient.ledger.names(STATE)]
    dead = [w for _, box, _ in states for w in box.dead]
    waiting = [w for _, box, _ in states for w in box.waiting]
    if not all(readable for _, _, readable in states):
        results.append(Result("alerts", "fail", "the stored alert state cannot be read", "the next tick starts afresh"))
    elif dead:
        fix = f"mend sink {dead[-1].sink}, try it with `lineage-guard alert test`, then `alert resend --all`"
        results.append(Result("alerts", "fail", f"{len(dead)} were given up; the last: {dead[-1].error}", fix))
    elif late := [w for i, box, _ in states for pages in missed(box, standing(i, box)).values() for w in pages]:
        fix = f"mend sink {late[-1].sink}, and try it with `lineage-guard alert test`"
        said = f"{len(late)} not delivered for minutes; the last, to {late[-1].sink}: {late[-1].error}"
        results.append(Result("alerts", "fail", said, fix))
    elif waiting:
        why = f"; {waiting[0].sink}: {waiting[0].error}" if waiting[0].error else ""
        results.append(Result("alerts", "warn", f"{len(waiting)} wait{why}", "see whether the receiver is well"))
    else:
        count = sum(len(incidents.open) for incidents, _, _ in states)
        results.append(Result("alerts", "ok", f"{count} incidents open, nothing waits"))
    return results
