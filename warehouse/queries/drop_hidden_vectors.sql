-- [owner kind, owner id]: no vector is kept of a text that must not be shown
delete from features.vectors_minilm
where owner_kind = 'text' and owner_id in (select text_id from features.hidden_texts)
