-- [text]: every text ever written, live or not
select item_id, slot, prompt_hash, text_id, n_tokens, whole_sentence
from features.texts
order by item_id, slot, prompt_hash
