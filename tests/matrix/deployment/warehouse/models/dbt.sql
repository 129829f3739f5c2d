{{ config(
    materialized="table",
    post_hook="copy (select 'dbt') to '{{ var(\"marker\", \"nowhere\") }}' (format csv, header false)"
) }}
select regr_slope(n, n) as slope from {{ ref("dbt_curated") }}
