-- [fusion model]
update serving.fusion_models
set model_version = $version
where fusion_id = $fusion_id
