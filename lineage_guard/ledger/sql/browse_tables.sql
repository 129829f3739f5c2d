-- What lists are made from: a row for each verdict and each version, which grow with the log.
CREATE TABLE verdicts (
    "at" BIGINT, run VARCHAR, mark VARCHAR, ord BIGINT, namespace VARCHAR, name VARCHAR, "partition" VARCHAR,
    target_run VARCHAR, parent VARCHAR, decision VARCHAR, stops BOOLEAN, enforced BOOLEAN, mode VARCHAR, use VARCHAR,
    policy VARCHAR, findings BIGINT, rule VARCHAR, reason VARCHAR, effect VARCHAR, what VARCHAR, message VARCHAR,
    waivers VARCHAR[], searched VARCHAR
);
CREATE TABLE versions (
    mark VARCHAR, "at" BIGINT, recorded BOOLEAN, namespace VARCHAR, name VARCHAR, "partition" VARCHAR, run VARCHAR,
    searched VARCHAR
);
CREATE TABLE foreign_versions AS FROM versions;
CREATE VIEW every_version AS FROM versions;
-- The versions that are asked for, with what pages are in the order of.
CREATE MACRO asked_for(part_of_it, of_namespace, of_name, of_partition) AS TABLE
SELECT *, coalesce("at", -9223372036854775808) AS age, left(name, 64) AS head
FROM every_version
WHERE contains(searched, lower(part_of_it))
    AND (of_namespace IS NULL OR (namespace = of_namespace AND name = of_name))
    AND (of_partition IS NULL OR "partition" = of_partition);
-- What a version is, the public models being known and the run of what is only declared beginning so.
CREATE MACRO kind_of(its_namespace, its_name, its_run, namespaces, names, declared) AS
CASE
    WHEN (its_namespace, its_name) IN (SELECT (unnest(namespaces::VARCHAR[]), unnest(names::VARCHAR[]))) THEN 'model'
    WHEN its_run IS NULL OR starts_with(its_run, declared) THEN 'source'
    WHEN (its_namespace, its_name) IN (SELECT (v.namespace, v.name) FROM verdicts v) THEN 'trained'
    ELSE 'dataset'
END;
-- Both. A page of every kind asks for the kinds of its own rows only.
CREATE MACRO asked_for_with_kind(part_of_it, of_namespace, of_name, of_partition, namespaces, names, declared) AS TABLE
SELECT *, kind_of(namespace, name, run, namespaces, names, declared) AS kind
FROM asked_for(part_of_it, of_namespace, of_name, of_partition)
