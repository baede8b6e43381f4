-- [text] that is quarantined, or that an operator decided about, newest decision last
select
    t.text_id, t.item_id, items.title, t.slot, t.angle, t.text, t.status, t.reason, r.decision, r.decided_at
from features.texts as t
left join features.text_reviews as r using (text_id)
left join core.items as items on items.item_id = t.item_id
where t.status = 'quarantined' or r.decision is not null
order by r.decided_at nulls first, t.item_id, t.slot, t.text_id
