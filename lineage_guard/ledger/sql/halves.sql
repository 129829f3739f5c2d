-- The first half of the digest of every event, in ascending order.
SELECT hi FROM events ORDER BY hi
