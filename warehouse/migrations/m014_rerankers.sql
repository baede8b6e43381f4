-- [fusion model]: how it re-ranks, so that whoever reads its lists can turn the dial in the same way
alter table serving.fusion_models add column reranker varchar default 'mmr';
alter table serving.fusion_models add column category_cap integer default 0;
