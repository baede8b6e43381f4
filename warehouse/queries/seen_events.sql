-- [user, item, event type]: what users had, of interest or not
select user_id, item_id, event_type from core.interactions
union
select user_id, item_id, event_type from core.seen_only
order by user_id, item_id, event_type
