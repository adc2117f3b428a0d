import json
import logging
from pathlib import Path

import pytest
import torch
import yaml

from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.funasr_loading import load_model
from resources.speech_models.weights.layouts import ModelFolderError
from tests.resources.speech_models.conftest import LAYOUTS
from tests.support.tiny_checkpoints import FAMILIES, build_tiny

CPU = Device("cpu", "fp32", 1)


def change_weights(folder, change):
    weights = torch.load(folder / "model.pt", weights_only=True)
    change(weights["model"])
    torch.save(weights, folder / "model.pt")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_loaded_by_funasr_and_draws_no_random_numbers(family, tmp_path):
    folder = build_tiny(family, tmp_path)
    before = torch.get_rng_state()
    loaded = load_model(folder, LAYOUTS[family], CPU)
    assert not loaded.model.training
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    assert torch.equal(torch.get_rng_state(), before)
    if loaded.frontend is not None:
        assert loaded.frontend.dither == 0


def test_weights_are_those_of_the_checkpoint(tmp_path):
    folder = build_tiny("seaco", tmp_path)
    stored = torch.load(folder / "model.pt", weights_only=True)["model"]
    loaded = load_model(folder, LAYOUTS["seaco"], CPU).model.state_dict()
    assert stored.keys() == loaded.keys()
    assert all(torch.equal(stored[name], loaded[name]) for name in stored)


def test_weights_are_cast_on_request(tmp_path):
    folder = build_tiny("emotion2vec", tmp_path)
    loaded = load_model(folder, LAYOUTS["emotion2vec"], Device("cpu", "bf16", 1), cast_weights=True)
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.bfloat16}


def test_a_mistyped_folder_is_an_error_and_no_request_to_a_hub(tmp_path):
    with pytest.raises(
        ModelFolderError,
        match=r"paraformer-zh, the folder of \S+, does not exist.*callqa models pull",
    ):
        load_model(tmp_path / "paraformer-zh", LAYOUTS["seaco"], CPU)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("seaco", "config.yaml"),
        ("seaco", "model.pt"),
        ("seaco", "seg_dict"),
        ("sensevoice", "am.mvn"),
        ("sensevoice", "bpe.model"),
        ("ct-punc", "tokens.json"),
        ("nano", "am.mvn"),
    ],
)
def test_a_missing_file_is_named(family, name, tmp_path):
    folder = build_tiny(family, tmp_path)
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=rf"{Path(name).stem}\S* is missing \({family}\)"):
        load_model(folder, LAYOUTS[family], CPU)


def change_config(folder, **changes):
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, **changes}), "utf-8")


def test_no_code_of_a_model_folder_is_run(tmp_path):
    """Nor is what its requirements.txt names installed."""
    folder = build_tiny("ct-punc", tmp_path / "model")
    code = tmp_path / "code.py"
    code.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    change_config(folder, trust_remote_code=True, remote_code=str(code))
    load_model(folder, LAYOUTS["ct-punc"], CPU)
    assert not (tmp_path / "ran").exists()


def test_only_the_folders_weights_are_loaded(tmp_path):
    folder = build_tiny("ct-punc", tmp_path / "model")
    stored = torch.load(folder / "model.pt", weights_only=True)["model"]
    other = {name: weight + 1 for name, weight in stored.items()}
    torch.save({"model": other}, tmp_path / "other.pt")
    change_config(folder, init_param=str(tmp_path / "other.pt"))
    loaded = load_model(folder, LAYOUTS["ct-punc"], CPU).model.state_dict()
    assert all(torch.equal(stored[name], loaded[name]) for name in stored)


@pytest.mark.parametrize("outside", ["../am.mvn", "{tmp_path}/am.mvn"])
def test_a_file_outside_the_folder_is_refused(outside, tmp_path):
    folder = build_tiny("sensevoice", tmp_path / "model")
    (tmp_path / "am.mvn").write_bytes((folder / "am.mvn").read_bytes())
    metas = {"frontend_conf": {"cmvn_file": outside.format(tmp_path=tmp_path)}}
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": metas}))
    with pytest.raises(ModelFolderError, match=r"names .*am\.mvn, which is not in the folder"):
        load_model(folder, LAYOUTS["sensevoice"], CPU)


def test_files_that_a_folder_names_itself_are_part_of_the_model(tmp_path):
    folder = build_tiny("sensevoice", tmp_path)
    (folder / "more" / "lists").mkdir(parents=True)
    for name in ("own.mvn", "more/a.txt", "more/lists/b.txt"):
        (folder / name).touch()
    metas = {"frontend_conf": {"cmvn_file": "own.mvn"}, "lists": ["more"]}
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": metas}))
    assert LAYOUTS["sensevoice"].find_files(folder) == [
        *("model.pt", "config.yaml", "configuration.json", "am.mvn", "bpe.model"),
        *("own.mvn", "more/a.txt", "more/lists/b.txt"),
    ]
    (folder / "own.mvn").unlink()
    with pytest.raises(ModelFolderError, match=r"own\.mvn is missing"):
        load_model(folder, LAYOUTS["sensevoice"], CPU)


def test_the_folder_of_another_family_is_refused(tmp_path):
    folder = build_tiny("paraformer", tmp_path)
    (folder / "seg_dict").touch()
    with pytest.raises(ModelFolderError, match="describes a Paraformer, not SeacoParaformer"):
        load_model(folder, LAYOUTS["seaco"], CPU)


def test_a_missing_weight_is_named(tmp_path):
    folder = build_tiny("sensevoice", tmp_path)
    change_weights(folder, lambda weights: weights.pop("encoder.after_norm.weight"))
    with pytest.raises(ModelFolderError, match=r"lacks 1 weight.*'encoder\.after_norm\.weight'"):
        load_model(folder, LAYOUTS["sensevoice"], CPU)


def test_a_weight_of_another_shape_is_named(tmp_path):
    folder = build_tiny("ct-punc", tmp_path)
    change_weights(folder, lambda weights: weights.update({"decoder.bias": torch.zeros(9)}))
    with pytest.raises(ModelFolderError, match=r"'decoder\.bias' has shape \(9,\).*\(6,\)"):
        load_model(folder, LAYOUTS["ct-punc"], CPU)


def test_a_tied_weight_need_not_be_stored_twice(tmp_path):
    folder = build_tiny("nano", tmp_path)
    change_weights(folder, lambda weights: weights.pop("llm.lm_head.weight"))
    load_model(folder, LAYOUTS["nano"], CPU)


def test_an_unused_weight_is_logged(tmp_path, caplog):
    folder = build_tiny("ct-punc", tmp_path)
    change_weights(folder, lambda weights: weights.update({"optimizer": torch.zeros(1)}))
    with caplog.at_level(logging.WARNING):
        load_model(folder, LAYOUTS["ct-punc"], CPU)
    assert "does not use, first 'optimizer'" in caplog.text


def test_a_truncated_checkpoint_is_reported_as_damaged(tmp_path):
    folder = build_tiny("ct-punc", tmp_path)
    whole = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFolderError, match=r"model\.pt is no checkpoint, or damaged"):
        load_model(folder, LAYOUTS["ct-punc"], CPU)


def test_a_config_that_is_not_yaml_is_reported_as_damaged(tmp_path):
    folder = build_tiny("ct-punc", tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text("model: [" + str(config))
    with pytest.raises(ModelFolderError, match=r"config\.yaml is damaged"):
        load_model(folder, LAYOUTS["ct-punc"], CPU)


def test_a_description_that_is_not_json_is_reported_as_damaged(tmp_path):
    folder = build_tiny("nano", tmp_path)
    (folder / "configuration.json").write_text('{"file_path_metas": ')
    with pytest.raises(ModelFolderError, match=r"configuration\.json is damaged.*models pull"):
        load_model(folder, LAYOUTS["nano"], CPU)
