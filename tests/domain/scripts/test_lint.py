"""Lint finds items that cannot work as written, and leaves good ones alone."""

from __future__ import annotations

import pytest

from callqa_assets.domain.scripts.lint import lint_scripts
from resources.storage.home import REPO


def lint(*items: str) -> list[str]:
    text = "scripts:\n  - name: s\n    items:\n" + "".join(f"      - {i}\n" for i in items)
    return [str(finding) for finding in lint_scripts(text, source="s.yaml")]


@pytest.mark.parametrize(
    ("items", "finding"),
    [
        (
            ["{name: a, required: 您好、再见}"],
            "s.yaml:4: error: item 'a' has the phrase '您好、再见', which is one phrase and no "
            "list: write `,` in place of `、`",
        ),
        (
            ["{name: a, forbidden: 保证收益, unless: 不承诺收益}"],
            "s.yaml:4: error: item 'a' has the guard '不承诺收益', which holds none of its "
            "forbidden phrases: correct or delete it",
        ),
        (
            ["{name: a, forbidden: 保本}"],
            "s.yaml:4: warning: item 'a' forbids '保本', which may be part of a rightful denial, "
            "and has no guards: list under `unless` what may be said, such as 不保本 or 非保本",
        ),
        (
            [
                "{name: a, required: 请问有什么可以帮您}",
                "{name: b, required: 请问还有什么可以帮您, min_score: 100}",
            ],
            "s.yaml:4: warning: item 'a' takes '请问还有什么可以帮您' of 'b' for its own "
            "'请问有什么可以帮您': write another, or raise `min_score`",
        ),
        (
            ["{name: a, forbidden: 随时可以退}", "{name: b, required: 产品随时可以退}"],
            "s.yaml:4: warning: item 'a' takes '产品随时可以退' of 'b' for its own '随时可以退': "
            "write a longer phrase",
        ),
    ],
)
def test_a_doubtful_item_is_told_with_its_line_and_the_cure(items, finding):
    assert lint(*items) == [finding]


@pytest.mark.parametrize(
    "items",
    [
        ["{name: a, required: '您好，再见'}"],
        ["{name: a, forbidden: 保本, unless: 不保本}", "{name: b, required: 本产品不保本}"],
        ["{name: a, required: '工号{number}为您服务'}", "{name: b, mentioned: 工号多少}"],
        ["{name: a, forbidden: 你自己去网上查}"],
    ],
)
def test_a_good_item_is_left_alone(items):
    assert lint(*items) == []


def test_the_shipped_scripts_have_no_findings():
    file = REPO / "configs" / "scripts.yaml"
    assert lint_scripts(file.read_text("utf-8"), source="scripts.yaml") == []
