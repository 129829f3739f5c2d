-- Every record, with the day it is dated (counted from 1970-01-01 UTC; in between from 0001-01-01, so as to divide downwards).
SELECT id, coalesce((epoch_us(produced_at) + 62135596800000000) // 86400000000 - 719162, -2147483648)::INTEGER AS day
FROM productions
