-- [user, rank] of the publication's lists at the diverse point, as in serving.recommendations.sql
select r.* replace (case when hidden.text_id is null then r.text_id else live.text_id end as text_id)
from serving.diverse_lists as r
left join features.hidden_texts as hidden on hidden.text_id = r.text_id
left join features.texts as t on t.text_id = hidden.text_id
left join features.live_texts as live on live.item_id = t.item_id and live.slot = t.slot
where r.publication_id = $publication_id
order by r.user_id, r.rank
