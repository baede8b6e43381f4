-- [text] of the second pass: its verdict, and what an operator decided about it
select
    t.item_id, t.slot, t.prompt_hash, t.text_id, t.n_tokens, t.whole_sentence, t.status, t.reason, t.rules,
    r.decision, t.text_id in (select text_id from features.hidden_texts) as hidden
from features.texts as t
left join features.text_reviews as r using (text_id)
where t.pass = 2
order by t.item_id, t.slot, t.prompt_hash, t.text_id
