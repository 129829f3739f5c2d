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
