-- How many verdicts of each decision there are.
SELECT decision, count(*) FROM verdicts WHERE contains(searched, lower($text)) GROUP BY decision
