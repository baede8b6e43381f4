import json
from pathlib import Path

import pytest

from tasks.matching import registry
from tasks.settings.matchers import PlainEaseSettings
from tasks.settings.matching import Matching
from warehouse.errors import PolyrecError


def test_every_default_matcher_can_be_built_under_its_name() -> None:
    for name in Matching().matchers:
        assert registry.build(name, Matching()).name == name


def test_settings_reach_the_matchers() -> None:
    settings = Matching.model_validate(
        {
            "ease": {
                "regularisation": 7,
                "half_life_items": 3,
                "side_information_weight": 2,
                "temporal_co_occurrence": 4,
            },
            "popularity": {"half_life_days": 5},
        }
    )
    expected = {
        "regularisation": 7.0,
        "half_life_items": 3.0,
        "side_information_weight": 2.0,
        "temporal_co_occurrence": 4.0,
        "co_occurrence_half_life_items": 8.0,
    }
    assert registry.build("ease", settings).parameters() == expected
    assert registry.build("ease_plain", settings).parameters() == PlainEaseSettings().model_dump()
    assert registry.build("popularity", settings).parameters() == {"half_life_days": 5.0}


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(PolyrecError, match="'eaze'; choose among category_popularity, content_knn, .* ease,"):
        registry.build("eaze", Matching())


def test_loading_from_an_empty_folder_or_another_format_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="save a fitted matcher there first"):
        registry.load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"format": 99, "name": "ease", "parameters": {}}))
    with pytest.raises(PolyrecError, match="format 99, this version reads 3; fit again: polyrec run"):
        registry.load(tmp_path)
