"""Rules: terms of models, licences, what an organisation is, policies and waivers."""
