-- [item] items that events name and no catalogue ever named, added to the staged items under their id
insert into staging."items:used"
    (n, item_id, title, year, categories, description, content, attributes, image_path, active)
select distinct on (item_id) -1, item_id, item_id, null, [], null, null, null, null, true
from (select item_id from staging."interactions:used" union all select item_id from staging."interactions:seen only")
where item_id not in (select item_id from staging."items:used")
    and item_id not in (select item_id from core.items where title <> item_id)
