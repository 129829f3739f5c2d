"""Custom expectations; importing this package registers them with Great Expectations.

Suites that hold them can be loaded in any process after ``import lineage_guard.gx.expectations``.
Great Expectations is imported with it, which takes seconds: nothing imports this package until
a suite runs.
"""

from lineage_guard.gx.expectations.models import ExpectModelsToBePermitted
from lineage_guard.gx.expectations.responses import ExpectNoUndeclaredSelfIdentification

__all__ = ["ExpectModelsToBePermitted", "ExpectNoUndeclaredSelfIdentification"]
