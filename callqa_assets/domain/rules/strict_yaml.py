"""YAML as a rules file may use it: no aliases, no depth, no merged or repeated keys, lines kept.

What the keys mean stands in `rules`.
"""

from __future__ import annotations

from typing import Any, cast

import yaml

MAX_YAML_DEPTH = 20
"""Conditions in conditions: every level takes two."""


def read_yaml(text: str, max_nodes: int) -> tuple[dict[str, object], list[int]]:
    """The document as plain Python, and the line (from 1) at which each rule begins.

    Raises yaml.YAMLError; a document that is no block of keys is an empty one.
    """
    loader: Any = _RulesLoader(text, max_nodes)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            return {}, []
        lines = [
            item.start_mark.line + 1
            for key, value in root.value
            if key.value == "rules" and isinstance(value, yaml.SequenceNode)
            for item in value.value
        ]
        return loader.construct_document(root), lines
    finally:
        loader.dispose()


def describe_yaml_error(error: yaml.YAMLError, source: str) -> str:
    """File, line and problem in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{source}, line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return f"{source}: not readable as YAML: {str(error).splitlines()[0]}"


class _RulesLoader(yaml.SafeLoader):
    """YAML without what a rules file has no use for: aliases, deep nesting, merged keys
    (`<<`), repeated keys."""

    def __init__(self, text: str, max_nodes: int) -> None:
        super().__init__(text)
        self.max_nodes = max_nodes
        self.depth = 0
        self.nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = cast(Any, self).peek_event()
        self.nodes += 1
        self.depth += 1
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases (*name) are not allowed: write the value out", event)
        if self.nodes > self.max_nodes:
            raise _refusal(f"more than {self.max_nodes:,} keys and values: merge rules", event)
        if self.depth > MAX_YAML_DEPTH:
            raise _refusal("nested too deep for a rules file", event)
        node = cast(Any, super()).compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _refusal("merged keys (<<) are not allowed: write them out", key)
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _refusal(f"the key `{key.value}` stands twice: delete one", key)
            seen.add(str(key.value))
        return cast(Any, super()).construct_mapping(node, deep=deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return cast(Any, super()).construct_object(node, deep=deep)
        # Scalars that look like a date or a number and are none, such as 2025-13-45.
        except ValueError as error:
            raise _refusal("neither a date nor a number: put it in quotes", node) from error


def _refusal(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
