"""Stored versions, fingerprints and rule hashes stay what they were: else all is computed again."""

from __future__ import annotations

from typing import Any

import pytest

from callqa_assets.domain.digest import digest, hash_json
from callqa_assets.domain.rules.rule_set import load_rules


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
        (
            ("stage", {"b": [1, 2.5, None], "a": "备注"}),
            "f69883dc7afb43c04e48996c1652db03037d83d0e068e1f12fe35fcdb048db61",
        ),
        (({"a": "\ud800"},), "9b08dc6880a1b0cc7702c0320600d8d5e7cefe10bb9e7414af02b10b91ffbeb4"),
    ],
)
def test_digests_stay_what_they_were(parts: tuple[Any, ...], expected: str):
    assert digest(*parts) == hash_json(parts) == expected


def test_hashes_of_rules_stay_what_they_were():
    rules = load_rules(
        "rules:\n"
        "- {name: 退款, text: {any: [退款]}, when: {line: vip}, channels: [hook]}\n"
        "- {name: anger, emotion: angry, threshold: 0.6, duration_sec: 2}\n",
        source="test",
    )
    assert [rule.definition_hash for rule in rules.rules] == [
        "be0b413713618eb3437dba49bff1d77422942f7c3ea006d9dcd01eeda01f80aa",
        "dbe50eccf64af764f78caebb251beca0f976ac65b2e38988deef61fb8e2c83e9",
    ]
    assert rules.rule_hash == "3af2411847d5917220dd59cb19deb581d1db2171ad248add03c6750244ad71a4"
