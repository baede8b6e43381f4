-- Names that this version uses: the matcher `rarity` is `inverse_popularity`; of the matchers ease and ease_plain,
-- `nearness` is `temporal_co_occurrence`, `near_half_life_items` is `co_occurrence_half_life_items`, and `content` is
-- `side_information_weight`; users are in folds, not in halves. Fingerprints stay: what they were made from had the
-- old names. So do the settings in ops.runs, which say what a run was asked in the words of its day.
update matching.scores
set matcher = 'inverse_popularity'
where matcher = 'rarity';

update matching.models
set matcher = 'inverse_popularity'
where matcher = 'rarity';

update matching.models
set
    parameters = replace(
        replace(
            replace(parameters, '"nearness":', '"temporal_co_occurrence":'),
            '"near_half_life_items":',
            '"co_occurrence_half_life_items":'
        ),
        '"content":',
        '"side_information_weight":'
    )
where matcher in ('ease', 'ease_plain');

update serving.candidates
set
    matchers = list_transform(
        matchers, lambda name: case when name = 'rarity' then 'inverse_popularity' else name end
    )
where list_contains(matchers, 'rarity');

update serving.recommendations
set
    contributions = map(
        list_transform(
            map_keys(contributions), lambda name: case when name = 'rarity' then 'inverse_popularity' else name end
        ),
        map_values(contributions)
    )
where map_contains(contributions, 'rarity');

update serving.diverse_lists
set
    contributions = map(
        list_transform(
            map_keys(contributions), lambda name: case when name = 'rarity' then 'inverse_popularity' else name end
        ),
        map_values(contributions)
    )
where map_contains(contributions, 'rarity');

-- `folds`: JSON of the two models that were chosen on one fold of the validation users each, with what says which fold
-- a user is in: so that a champion is judged by users whom its choice did not see. Quotes in it have backslashes, since
-- a model in it is JSON in a text of JSON.
alter table serving.fusion_models rename column halves to folds;

update serving.fusion_models
set
    weights = replace(weights, '"rarity"', '"inverse_popularity"'),
    model = replace(replace(model, '"rarity"', '"inverse_popularity"'), '"contest":', '"model_selection":'),
    folds = replace(
        replace(
            replace(folds, '\"rarity\"', '\"inverse_popularity\"'), '\"contest\":', '\"model_selection\":'
        ),
        '"last_of_half_0":',
        '"last_of_fold_0":'
    );

-- Why a text was not shown
update features.texts
set reason = replace(reason, 'planted instruction:', 'prompt injection:')
where contains(reason, 'planted instruction:');

update features.rewrites
set reason = replace(reason, 'planted instruction:', 'prompt injection:')
where contains(reason, 'planted instruction:');
