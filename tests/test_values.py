"""Values that are handed around do not change under whoever holds them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from types import ModuleType
from typing import Any

import pydantic
import pytest

import callqa_assets.alerting
import callqa_assets.domain
import callqa_assets.stages
from callqa_assets.alerting.delivery import ReceiverReport
from callqa_assets.alerting.rules_diff import RulesDiff
from callqa_assets.domain.audio.decoding.stream import AudioStream, Track
from callqa_assets.stages.contract import StageReport, _StageWork
from callqa_assets.warehouse import outbox

COLLECTED = {ReceiverReport, RulesDiff, StageReport, AudioStream, Track, _StageWork}
"""Filled in by the one function that makes them."""

PACKAGES = (callqa_assets.domain, callqa_assets.stages, callqa_assets.alerting)


def list_modules() -> Iterator[ModuleType]:
    yield outbox
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def list_classes() -> list[type[Any]]:
    return [
        found
        for module in list_modules()
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
    ]


@pytest.mark.parametrize(
    "value", [c for c in list_classes() if is_dataclass(c)], ids=lambda c: c.__qualname__
)
def test_a_dataclass_is_frozen_unless_it_collects(value):
    assert value.__dataclass_params__.frozen == (value not in COLLECTED)


@pytest.mark.parametrize(
    "model",
    [c for c in list_classes() if issubclass(c, pydantic.BaseModel)],
    ids=lambda c: c.__qualname__,
)
def test_a_model_is_frozen_and_refuses_unknown_keys(model):
    assert model.model_config.get("frozen") is True
    assert model.model_config.get("extra") == "forbid"
