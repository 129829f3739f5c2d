"""The answers to the questions of ``web.questions``, a module for each kind. No web framework in here."""
