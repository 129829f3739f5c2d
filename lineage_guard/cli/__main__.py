"""``python -m lineage_guard.cli``: the same as the console script."""

from lineage_guard.cli import main

main()
