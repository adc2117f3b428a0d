"""The YAML that configuration files may use, parsed with the line of every key and entry.

Part of `yaml_config`, which gives the document its meaning. No aliases, no merged or repeated keys,
bounded depth and number of nodes: no file, whoever wrote it, may exhaust memory or time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import yaml

MAX_DEPTH = 20
"""Nested conditions of rules: each level takes two levels of YAML."""

Path = tuple[str | int, ...]
"""Keys and numbers of list entries (from 0), from the top of the document."""


class UnreadableYamlError(Exception):
    """Text that is not YAML, or uses more of YAML than a configuration file may.

    `cause` and `cure` repeat nothing of the text; `detail` may repeat some.
    """

    def __init__(self, line: int, cause: str, cure: str, detail: str = "") -> None:
        super().__init__(cause)
        self.line, self.cause, self.cure, self.detail = line, cause, cure, detail


@dataclass(frozen=True)
class YamlDocument:
    """A document as plain Python, with its lines."""

    content: object
    """An empty document is an empty block."""
    root: yaml.Node | None = field(repr=False)

    def line_of(self, path: Path) -> int:
        """Line (from 1) of a key or list entry; where it is not written, of the block around it."""
        node, line = self.root, 1
        for step in path:
            entry = _find(node, step)
            if entry is None:
                break
            at, node = entry
            line = at.start_mark.line + 1
        return line


def parse_yaml(text: str, max_nodes: int) -> YamlDocument:
    """The text's only document. Raises UnreadableYamlError."""
    try:
        loader: Any = _StrictLoader(text, max_nodes)
        try:
            root = loader.get_single_node()
            return YamlDocument({} if root is None else loader.construct_document(root), root)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, cast(int, error.position)) + 1
        refused = UnreadableYamlError(line, _NOT_YAML, _CURE, str(error).splitlines()[0])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        refused = UnreadableYamlError(line, _NOT_YAML, _CURE, error.problem or error.context or "")
    # Outside the handlers: an error that repeats the text must not become its context.
    raise refused


_NOT_YAML, _CURE = "not readable as YAML", "correct it there"


def _find(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Where an entry of a block or list begins, and what it holds."""
    if isinstance(node, yaml.MappingNode):
        pairs = cast(list[tuple[yaml.Node, yaml.Node]], node.value)
        return next(((key, value) for key, value in pairs if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        items = cast(list[yaml.Node], node.value)
        return (items[step], items[step]) if step < len(items) else None
    return None


class _StrictLoader(yaml.SafeLoader):
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
            raise _refuse(event, "aliases (*name) are not allowed", "write the value out")
        if self.nodes > self.max_nodes:
            raise _refuse(
                event, f"more than {self.max_nodes:,} keys and values", "shorten or split the file"
            )
        if self.depth > MAX_DEPTH:
            raise _refuse(event, f"nested deeper than {MAX_DEPTH} levels", "nest less")
        node = cast(Any, super()).compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _refuse(key, "merged keys (<<) are not allowed", "write them out")
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _refuse(key, "repeated key", "delete one", f"`{key.value}`")
            seen.add(str(key.value))
        return cast(Any, super()).construct_mapping(node, deep=deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return cast(Any, super()).construct_object(node, deep=deep)
        # 2025-13-45 looks like a date but is not one; `!!int ''` and the like fail inside PyYAML.
        except (ValueError, LookupError, AttributeError, OverflowError):
            refused = _refuse(node, "neither a date nor a number", "put it in quotes")
        raise refused


def _refuse(at: Any, cause: str, cure: str, detail: str = "") -> UnreadableYamlError:
    return UnreadableYamlError(at.start_mark.line + 1, cause, cure, detail)
