"""A small OpenAI-compatible model server around the fable model; see ``app``.

Run it with ``python -m dagster_project.model_server --port 8421``.
"""
