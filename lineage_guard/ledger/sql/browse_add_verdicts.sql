-- Verdicts that were given, each once whatever it is filed under; of what is wrong in a facet nothing is made up.
INSERT INTO verdicts
WITH parsed AS (
    SELECT *, format('{:016x}', hash(facet)) AS mark, TRY(from_json(facet, $shape)) AS said
    FROM given
),
read AS (
    SELECT * EXCLUDE ("at"), TRY_CAST(said."evaluatedAt" AS TIMESTAMPTZ) AS evaluated,
        -- Deciding again files its event at the time of the training; what it says of itself comes first.
        epoch_us(CASE WHEN evaluated BETWEEN '0001-01-02 00:00:00Z'::TIMESTAMPTZ AND '9999-12-30 00:00:00Z'::TIMESTAMPTZ
            THEN evaluated ELSE "at" END) AS "at"
    FROM parsed
),
once AS (
    SELECT *, said.target.namespace IS NOT NULL AND said.target."name" IS NOT NULL AS named
    FROM read
    QUALIFY row_number() OVER (
        PARTITION BY "at", run, mark
        ORDER BY (said.target.namespace = namespace AND said.target."name" = name) DESC NULLS LAST, namespace, name
    ) = 1
),
first AS (
    SELECT *,
        list_filter(coalesce(said.findings, []), lambda f: f IS NOT NULL
            AND (f.rule IS DISTINCT FROM 'suite:lineage' OR f.reason IS DISTINCT FROM $restates)) AS spoken
    FROM once
),
row AS (
    SELECT *, CASE WHEN len(spoken) > 0 THEN spoken ELSE coalesce(said.findings, []) END AS found FROM first
)
SELECT
    "at", run, mark, ord,
    CASE WHEN named THEN said.target.namespace ELSE namespace END,
    CASE WHEN named THEN said.target."name" ELSE name END,
    CASE WHEN named THEN said.target."partition" END,
    CASE WHEN named THEN said.target.run END,
    said."parentRunId",
    CASE WHEN named AND said."use" IS NOT NULL AND said.decision IN ('ALLOW', 'WAIVED', 'WARN', 'UNKNOWN', 'BLOCK')
        THEN said.decision END,
    coalesce(said.stops, false), coalesce(said.enforced, false), said."mode", said."use", said.policy."name",
    len(found), found[1].rule, found[1].reason, found[1].effect,
    CASE WHEN found[1].model.name IS NOT NULL
        THEN concat(found[1].model.supplier, '/', found[1].model.name, ' via ' || found[1].model.channel)
        ELSE concat(found[1].subject.namespace, ':', found[1].subject."name", '[' || found[1].subject."partition" || ']',
            '@' || right(found[1].subject.run, 8)) END,
    left(found[1].message, 1000),
    coalesce(said.waivers, []),
    lower(concat_ws(chr(10),
        concat(said.target.namespace, ':', said.target."name", '[' || said.target."partition" || ']'),
        concat(namespace, ':', name), run, said.target.run, said."parentRunId", said."use", said.policy."name",
        array_to_string(list_distinct(list_transform(found, lambda f: concat_ws(chr(10),
            f.rule, concat(f.model.supplier, '/', f.model.name, ' via ' || f.model.channel)))), chr(10))))
FROM row
ANTI JOIN verdicts held ON held."at" = row."at" AND held.run = row.run AND held.mark = row.mark
