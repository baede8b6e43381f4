-- [item, slot, prompt]: first attempts of the items listed ($items), as they were written: checked again, not written again
select item_id, slot, prompt_hash, text, n_tokens, log_prob, whole_sentence
from features.texts
where attempt = 0 and status <> 'fallback' and item_id in $items
qualify row_number() over (partition by item_id, slot, prompt_hash order by text_id) = 1
order by item_id, slot, prompt_hash
