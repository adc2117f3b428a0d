"""Accepted alert rules: kept by hash, so that every alert's rules can be read again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from callqa_assets.domain.rules.rule_set import RulesError, RuleSet, RulesFile, load_rules
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import rule_sets


@dataclass(frozen=True)
class RulesInForce:
    rules: RuleSet
    text: str
    """Their YAML."""
    problem: str | None = None
    """Why the file itself is not what is in force; None where it is."""


def read_rules(warehouse: Warehouse, file: RulesFile) -> RulesInForce:
    """The file's rules; where it is bad, the last accepted ones with the problem.

    Raises RulesError where the file is bad and no rules were accepted that can still be read.
    """
    try:
        if isinstance(file.text, RulesError):
            raise file.text
        return RulesInForce(load_rules(file.text, source=file.source), file.text)
    except RulesError as error:
        with warehouse.read() as connection:
            newest = sa.select(rule_sets.c.yaml).order_by(rule_sets.c.accepted_at.desc()).limit(1)
            accepted = connection.execute(newest).scalar_one_or_none()
        if accepted is None:
            raise
        try:
            rules = load_rules(accepted, source="the last accepted rules")
            return RulesInForce(rules, accepted, str(error))
        except RulesError as older:  # accepted by another version of callqa
            raise RulesError(*error.problems, *older.problems) from error


def accept_rules(warehouse: Warehouse, file: RulesFile) -> RulesInForce:
    """As `read_rules`, and keep a good file as the last accepted set."""
    in_force = read_rules(warehouse, file)
    if in_force.problem is None:
        rule_hash, now = in_force.rules.rule_hash, datetime.now(UTC)
        with warehouse.write(lock="rule_sets") as connection:
            updated = connection.execute(
                sa.update(rule_sets)
                .where(rule_sets.c.rule_hash == rule_hash)
                .values(accepted_at=now)
            )
            if updated.rowcount == 0:
                connection.execute(
                    sa.insert(rule_sets).values(
                        rule_hash=rule_hash, yaml=in_force.text, accepted_at=now
                    )
                )
    return in_force
