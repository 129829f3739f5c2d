"""What the guard knows and how it judges, with no framework in sight.

Reading order: ``facts`` (what was produced from what), ``terms`` (what a model's owner
allows), ``closure`` (everything a training step would learn from), ``policy`` and
``waivers`` (what this organisation accepts), ``decide`` (the verdict).

Only the standard library and license-expression are imported here. Time, files, networks
and databases arrive as arguments.
"""
