"""The main job from start to end, for real: ``python -m dagster_project.demo`` or ``make demo``.

``expected`` says what must run and what must not, ``execute`` runs the deployment's job on a
real Dagster instance, ``report`` prints what came of it. Whether training ran is read from the
files that training writes, never from what the guard says.
"""
