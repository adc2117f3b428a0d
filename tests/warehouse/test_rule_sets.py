"""Rules in force: a good file is kept, a bad one leaves the last good one where it is."""

from __future__ import annotations

import pytest

from callqa_assets.domain.rules.rule_set import RulesError
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.rule_sets import accept_rules, read_rules
from resources.storage.config_files import read_rules_file
from tests.support.calls import RULES
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines


def test_a_missing_file_is_an_error_of_one_line_with_the_fix(warehouse, tmp_path):
    with pytest.raises(RulesError) as caught:
        accept_rules(warehouse, read_rules_file(tmp_path / "gone.yaml"))
    assert str(caught.value) == (
        f"{tmp_path / 'gone.yaml'}: No such file or directory; "
        "restore the rules file or set CALLQA_RULES"
    )


def test_a_bad_file_leaves_the_last_accepted_rules_in_force_and_says_why(warehouse, rules):
    good = accept_rules(warehouse, read_rules_file(rules))
    assert good.problem is None
    rules.write_text(RULES.format(threshold=0.5).replace("threshold", "treshold"))
    for look in (accept_rules, read_rules):
        now = look(warehouse, read_rules_file(rules))
        assert now.rules.rule_hash == good.rules.rule_hash
        assert "did you mean `threshold`" in str(now.problem)
    rules.write_bytes(b"\xff")
    now = accept_rules(warehouse, read_rules_file(rules))
    assert now.rules.rule_hash == good.rules.rule_hash
    assert now.problem == f"{rules}, line 1: not UTF-8 text; save it as UTF-8"


def test_a_file_that_changes_while_it_is_accepted_is_stored_as_it_was_read(warehouse, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.format(threshold=0.5))
    read = read_rules_file(file)
    file.write_text("nothing")
    good = accept_rules(warehouse, read)
    (row,) = read_rows(warehouse, tables.rule_sets)
    assert row["yaml"] == RULES.format(threshold=0.5)
    assert read_rules(warehouse, read_rules_file(file)).rules.rule_hash == good.rules.rule_hash


def test_a_set_is_kept_once_however_often_it_is_accepted(warehouse, rules):
    for text in (0.5, 0.6, 0.5):
        rules.write_text(RULES.format(threshold=text))
        accept_rules(warehouse, read_rules_file(rules))
    assert len(read_rows(warehouse, tables.rule_sets)) == 2
    rules.write_text("nothing")
    assert read_rules(warehouse, read_rules_file(rules)).rules.rules[0].condition.threshold == 0.5
