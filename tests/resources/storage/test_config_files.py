"""Configuration files on disk: one that cannot be read is named, with its cure."""

from __future__ import annotations

import pytest

from callqa_assets.domain.calls.sources import InvalidMetadataConfig
from callqa_assets.domain.rules.rule_set import RulesError
from callqa_assets.domain.yaml_config import ConfigError
from resources.storage.config_files import read_config, read_metadata_config, read_rules_file


class GardenError(ConfigError):
    pass


def test_text_is_read_as_utf_8(tmp_path):
    (tmp_path / "garden.yaml").write_bytes("name: 花园".encode())
    assert read_config(tmp_path / "garden.yaml", error=GardenError, cure="") == "name: 花园"


def test_a_missing_file_and_a_folder_are_errors_with_cause_and_fix(tmp_path):
    with pytest.raises(GardenError) as missing:
        read_config(tmp_path / "gone.yaml", error=GardenError, cure="plant it")
    assert str(missing.value) == f"{tmp_path / 'gone.yaml'}: No such file or directory; plant it"
    with pytest.raises(GardenError) as folder:
        read_config(tmp_path, error=GardenError, cure="plant it")
    assert str(folder.value) == f"{tmp_path}: Is a directory; plant it"


def test_text_in_another_encoding_is_an_error_with_its_line_that_does_not_repeat_it(tmp_path):
    file = tmp_path / "garden.yaml"
    file.write_bytes("a: 1\nname: 花园".encode("gb18030"))
    with pytest.raises(GardenError) as caught:
        read_config(file, error=GardenError, cure="plant it")
    assert str(caught.value) == f"{file}, line 2: not UTF-8 text; save it as UTF-8"
    assert caught.value.__context__ is None


def test_a_rules_file_that_cannot_be_read_carries_the_error(tmp_path):
    file = read_rules_file(tmp_path / "gone.yaml")
    assert file.source == str(tmp_path / "gone.yaml")
    assert isinstance(file.text, RulesError)
    assert str(file.text).endswith(
        "No such file or directory; restore the rules file or set CALLQA_RULES"
    )


def test_missing_metadata_rules_are_named(tmp_path):
    with pytest.raises(InvalidMetadataConfig, match=r"gone\.yaml: No such file.*CALLQA_CONFIGS"):
        read_metadata_config(tmp_path / "gone.yaml")
