import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasks.models.engines import engine_identity
from tasks.settings import PROJECT, Settings, load_settings
from tasks.settings.angles import ANGLE_SETS, Angle, AngleSetName, built_in
from tasks.settings.corpus import Corpus
from tasks.settings.data import Also, Joined
from tasks.settings.matchers import ExternalSettings
from tasks.settings.openai import OpenAi
from tasks.settings.rules import Rule
from tasks.settings.section import Section
from warehouse.errors import SettingsError

FILE = PROJECT / "polyrec.toml"
TABLE = re.compile(r"(?:# )?\[+([\w.]+)\]+")
# Lists of tables: what each of them may hold.
ONE = '{name = "use", instruction = "its use", template = "{{ facts }}\\nIt", language = "en"}'
LISTED: dict[str, type[BaseModel]] = {
    "corpus.angles": Angle,
    "data.items.also": Also,
    "data.interactions.also": Joined,
    "matching.external": ExternalSettings,
    "fusion.rules": Rule,
}
KEY = re.compile(r"(?:# )?(\w+) = .+")


def fields(model: type[BaseModel] = Settings, path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key with a value of its own: `seed`, `corpus.noun`, `corpus.angles.name`, ..."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from fields(kind, f"{path}{name}.")
        elif path + name in LISTED:
            yield from fields(LISTED[path + name], f"{path}{name}.")
        else:
            yield path + name, field


def documented(text: str) -> dict[str, str]:
    """The keys of a file, set or commented out, with the comment above each (the first, in a list)."""
    found: dict[str, str] = {}
    table = comment = ""
    for line in text.splitlines():
        if match := TABLE.fullmatch(line):
            table = f"{match[1]}."
        elif match := KEY.fullmatch(line):
            found.setdefault(table + match[1], comment)
        comment = line.removeprefix("# ") if line.startswith("# ") else ""
    return found


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_gives_exactly_the_defaults() -> None:
    assert load_settings(FILE) == load_settings() == Settings()


def test_file_sets_every_default_that_toml_can_hold() -> None:
    defaults = Settings().model_dump(
        mode="json",
        exclude_none=True,
        exclude={
            "home": True,
            "base": True,
            "data": {"items": {"also"}, "interactions": {"also"}},
            "corpus": {"noun", "angles"},  # the angle set's
            "matching": {"external"},
            "fusion": {"rules"},
        },
    )
    assert tomllib.loads(FILE.read_text(encoding="utf-8")) == defaults


def test_file_lists_every_key_under_its_docstring() -> None:
    comments = documented(FILE.read_text(encoding="utf-8"))
    wanted = dict(fields())
    assert sorted(comments) == sorted(wanted)
    for key, field in wanted.items():
        assert field.description, f"write a docstring under {key} in tasks/settings"
        assert comments[key].startswith(field.description.rstrip(".")), key
        assert len(comments[key]) < 110


def test_a_commented_key_can_be_set(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    for key in ("home", "max_items", "max_users"):
        text = text.replace(f"# {key} = ", f"{key} = ")
    settings = load_settings(written(tmp_path, text))
    assert settings.data.max_items
    assert settings.data.max_users
    assert settings.home != PROJECT


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sead = 1", "sead"),
        ("[corpus]\nslots = 3", "corpus.slots"),
        ("[fusion]\ntrials = 'many'", "fusion.trials"),
        ("[evaluation]\nk = 0", "evaluation.k"),
        ("[data]\nsource = 'netflix'", "data.source"),
        ("[matching]\nmatchers = []", "matching.matchers"),
        (
            "[[corpus.angles]]\nname = 'Mood'\ninstruction = 'how it feels'\ntemplate = 'It'",
            "corpus.angles.0.name",
        ),
        ("corpus = 3", "corpus"),
    ],
)
def test_bad_key_or_value_names_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as error:
        load_settings(path)
    assert str(path) in str(error.value)
    assert f"'{key}'" in str(error.value)
    assert "\n" not in str(error.value)


def test_value_out_of_range_is_told_with_its_range(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'evaluation\.k' is 101: .* less than or equal to 100"):
        load_settings(written(tmp_path, "[evaluation]\nk = 101"))


def test_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, "seed = 1\n[fusion\n")
    with pytest.raises(SettingsError, match=rf"{re.escape(str(path))} is not valid TOML: .*line 2"):
        load_settings(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(str(path))):
        load_settings(path)


def test_environment_wins_over_file_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "seed = 1\n[fusion]\ntrials = 7\nmax_diversity = 0.25\n")
    monkeypatch.setenv("POLYREC_SEED", "2")
    monkeypatch.setenv("POLYREC_FUSION__TRIALS", "8")
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    settings = load_settings(path)
    assert (settings.seed, settings.fusion.trials, settings.fusion.max_diversity) == (2, 8, 0.25)
    assert settings.data_folder == tmp_path.resolve() / "warehouse" / "data"


def test_value_in_json_of_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "[evaluation]\nk = 5\n")
    monkeypatch.setenv("POLYREC_CORPUS__ANGLES", f"[{json.dumps({'name': 'Mood'})}]")
    with pytest.raises(SettingsError, match=r"environment variable POLYREC_CORPUS__ANGLES is 'Mood'"):
        load_settings(path)
    monkeypatch.delenv("POLYREC_CORPUS__ANGLES")
    monkeypatch.setenv("POLYREC_EVALUATION", '{"resamples": 200}')
    assert load_settings(path).evaluation.k == 5
    with pytest.raises(SettingsError, match=r"mine\.toml: key 'evaluation\.k' is 101"):
        load_settings(written(tmp_path, "[evaluation]\nk = 101\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base_urls = ['127.0.0.1:8000']", "'127.0.0.1:8000' is no address"),
        ("base_urls = ['http://me:secret@host/v1']", "holds no key or password"),
        ("base_urls = []", "at least 1 item"),
        ("api_key_env = 'sk-123'", "should match pattern"),
        ("api = 'responses'", "'completions' or 'chat'"),
    ],
)
def test_bad_server_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"key 'corpus\.openai\.") as error:
        load_settings(written(tmp_path, f"[corpus.openai]\n{text}"))
    assert said in str(error.value)


def test_server_needs_the_name_of_its_model(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"set model in \[corpus\.openai\]"):
        load_settings(written(tmp_path, "[corpus]\nengine = 'openai'"))
    settings = load_settings(
        written(tmp_path, "[corpus]\nengine = 'openai'\n[corpus.openai]\nmodel = 'm'\nextra = {a = 1}")
    )
    assert settings.corpus.written_by == "openai/m"
    assert settings.corpus.openai.extra == {"a": 1}


@pytest.mark.parametrize("name", ANGLE_SETS)
def test_angle_set_gives_noun_and_angles_unless_they_are_set(tmp_path: Path, name: AngleSetName) -> None:
    corpus = load_settings(written(tmp_path, f"[corpus]\nangle_set = '{name}'")).corpus
    assert (corpus.noun, corpus.angles) == built_in(name)
    assert len(corpus.angles) == 3
    angle = ONE.replace("en", "de")
    mine = load_settings(
        written(tmp_path, f"[corpus]\nangle_set = '{name}'\nnoun = 'tea'\nangles = [{angle}]")
    )
    assert (mine.corpus.noun, [one.name for one in mine.corpus.angles]) == ("tea", ["use"])
    assert (mine.corpus.angles[0].language, mine.corpus.angles[0].template) == ("de", "{{ facts }}\nIt")


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("angle_set = 'poems'", "corpus.angle_set", "'films', 'books', 'products'"),
        (f"angles = [{ONE}, {ONE}]", "corpus.angles", "two angles are called 'use'"),
        ("angles = []", "corpus.angles", "at least 1 item"),
        (
            f"angles = [{ONE.replace('en', 'tlh')}]",
            "corpus.angles.0.language",
            "in 'tlh'; take one of cs, da,",
        ),
        (
            f"angles = [{ONE.replace('facts', 'tilte')}]",
            "corpus.angles.0.template",
            "line 1, column 4 of its template: there is no variable 'tilte'; known are title, year,",
        ),
        (
            f"angles = [{ONE.replace('{{ facts', 'x' * 3000 + '{{ tilte')}]",
            "corpus.angles.0.template",
            "line 1, column 3004 of its template",
        ),
    ],
)
def test_bad_angle_is_a_bad_setting(tmp_path: Path, text: str, key: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(written(tmp_path, f"[corpus]\n{text}"))
    assert f"'{key}' is" in str(error.value) and said in str(error.value)
    assert len(str(error.value)) < 900 and "\n" not in str(error.value)


def test_a_text_depends_on_the_model_and_how_it_is_asked_not_on_where() -> None:
    def identity(**values: Any) -> str:
        return engine_identity(Corpus(engine="openai", openai=OpenAi(**{"model": "m", **values})))

    same = {"base_urls": ("https://other/v1",), "concurrency": 2, "price_prompt": 3.0, "attempts": 9}
    assert identity(**same) == identity()
    others = [
        {"model": "n"},
        {"api": "chat"},
        {"omit": ("top_k",)},
        {"extra": {"a": 1}},
        {"log_probs": False},
    ]
    assert len({identity(), *(identity(**values) for values in others)}) == 6
    assert Corpus().written_by == Corpus(precision="f32").written_by == "openvino"
    assert engine_identity(Corpus()) != engine_identity(Corpus(precision="f32"))
    slow = [Corpus(engine="transformers", precision=precision) for precision in ("bf16", "f32")]
    assert engine_identity(slow[0]) == engine_identity(slow[1])


@pytest.mark.parametrize("values", [{"seed": 3, "data": {"max_items": 40}}, {}])
def test_settings_survive_json(values: dict[str, Any]) -> None:
    settings = Settings(**values)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_second_pass_needs_other_texts(tmp_path: Path) -> None:
    angle = "[[corpus.angles]]\nname = 'mood'\ninstruction = 'how it feels'\n"
    angle += 'template = "{{ facts }}\\nIt is"\n'
    rewrite = "[corpus.rewrite]\nenabled = true\n"
    with pytest.raises(SettingsError, match="one angle gives no others; add another"):
        load_settings(written(tmp_path, angle + rewrite))
    assert load_settings(written(tmp_path, angle + angle.replace("mood", "story") + rewrite))
    assert not load_settings(written(tmp_path, angle)).corpus.rewrite.enabled
