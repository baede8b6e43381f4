-- How scores are fused beyond normaliser, weights and dial: method, what it learned, and the diverse point (JSON).
-- Null: a weighted sum, as all were before.
alter table serving.fusion_models add column model varchar;
