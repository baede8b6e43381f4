-- [text] that may be shown: live or not, of every engine, prompt and pass. A live one is there whatever its status says,
-- as when an operator released it.
select
    t.item_id, t.slot, t.angle, t.engine, t.prompt, t.pass, t.attempt, t.status, t.text_id, t.text,
    live.text_id is not null as live
from features.texts as t
left join features.live_texts as live on live.item_id = t.item_id and live.slot = t.slot and live.text_id = t.text_id
inner join core.items as items on items.item_id = t.item_id
where t.text_id not in (select text_id from features.hidden_texts)
    and (live.text_id is not null or t.status in ('ok', 'fallback'))
order by t.item_id, t.slot, t.text_id
