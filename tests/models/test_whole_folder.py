from pathlib import Path

import pytest

from tasks.models.whole_folder import whole_folder


def test_half_converted_model_never_gets_its_name(tmp_path: Path) -> None:
    target = tmp_path / "model" / "openvino"
    with pytest.raises(KeyboardInterrupt), whole_folder(target) as unfinished:
        (unfinished / "half").touch()
        raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []
    with whole_folder(target) as unfinished:
        (unfinished / "whole").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_a_folder_that_another_process_made_stays(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target) as mine:
        (mine / "mine").touch()
        with whole_folder(target) as theirs:
            (theirs / "theirs").touch()
    assert [path.name for path in target.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
