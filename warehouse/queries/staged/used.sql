-- one row: how many validated items and interactions can be used, and how many items are active before the merge
select
    (select count(*) from staging."items:used") as items,
    (select count(*) from staging."interactions:used") as interactions,
    (select count(*) from core.items where active) as active_before
