-- [text]: one, with the place it was written for and its prompt
select item_id, slot, angle, prompt, prompt_hash
from features.texts
where text_id = $text_id
