"""Asset runs as OpenLineage events and back, their schemas, and delivery to any transport.

Reading order: ``encode`` (facts to events), ``decode`` (events to facts), ``verdicts`` (the
decision facet), ``validate``, ``deliver``. ``encode`` and ``decode`` need the standard
library only.
"""
