-- What events of other producers say.
SELECT body FROM statements
