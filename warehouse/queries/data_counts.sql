-- one row
select
    (select count(*) from core.items) as items,
    (select count(*) from core.users) as users,
    (select count(*) from core.interactions) as interactions,
    (select count(*) from core.seen_only) as seen_only
