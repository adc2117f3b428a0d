"""Drawing mutants: cosmic-ray's operators, at random places of the modules whose tests are judged.

First a place is drawn, then one of the mutants that the operators make there: `+` has eleven
replacements, which the same test notices, and the limit in a comparison only two.
"""

from __future__ import annotations

import ast
import random
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

import yaml
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

T = TypeVar("T")

REPO = Path(__file__).resolve().parents[2]

PACKAGES = ("callqa_assets/domain", "callqa_assets/stages", "callqa_assets/alerting")
MODULES = ("callqa_assets/warehouse/outbox.py",)

_EQUIVALENT = Path(__file__).with_name("equivalent.yaml")


@dataclass(frozen=True)
class Mutant:
    """One module with one small change."""

    module: str
    """Path of the module in the repository."""
    operator: str
    original: str
    mutated: str

    @property
    def diff(self) -> str:
        before, after = (code.splitlines() for code in (self.original, self.mutated))
        return "\n".join(unified_diff(before, after, self.module, self.operator, "", "", 2, ""))

    @property
    def change(self) -> tuple[str, str, str]:
        """Module, changed lines and their replacement; white space counts for nothing."""
        before, after = self.original.splitlines(), self.mutated.splitlines()
        spans = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        edits = [span for span in spans if span[0] != "equal"]
        removed = [line for _, start, stop, _, _ in edits for line in before[start:stop]]
        added = [line for _, _, _, start, stop in edits for line in after[start:stop]]
        return self.module, _squeeze("".join(removed)), _squeeze("".join(added))


def list_modules() -> list[str]:
    """Every module that is mutated, as a path in the repository."""
    found = [path for package in PACKAGES for path in (REPO / package).rglob("*.py")]
    return sorted([*(path.relative_to(REPO).as_posix() for path in found), *MODULES])


Place = list[tuple[str, str, int]]
"""The mutants of one place: module, operator, and which of the operator's changes it is."""


def list_places() -> list[Place]:
    """Every place that can be changed."""
    return [
        [(module, operator, occurrence) for operator, occurrence in mutants]
        for module in list_modules()
        for mutants in _list_places((REPO / module).read_text("utf-8")).values()
    ]


def draw_mutants(places: Sequence[Place], count: int, seed: int) -> list[Mutant]:
    """One mutant each of that many places, leaving out what is no other program."""
    chance = random.Random(seed)  # noqa: S311
    drawn: list[Mutant] = []
    for place in _shuffled(places, chance):
        mutants = map(_mutate, _shuffled(place, chance))
        drawn += islice(filter(_is_another_program, mutants), 1)
        if len(drawn) == count:
            break
    return drawn


def read_equivalent() -> dict[tuple[str, str, str], str]:
    """Changes that nobody could notice, and why. Raises ValueError for a line that is gone."""
    entries = yaml.safe_load(_EQUIVALENT.read_text("utf-8"))
    for entry in entries:
        if _squeeze(entry["line"]) not in _squeeze((REPO / entry["module"]).read_text("utf-8")):
            raise ValueError(f"{_EQUIVALENT.name}: {entry['module']} has no line {entry['line']!r}")
    return {
        (entry["module"], _squeeze(entry["line"]), _squeeze(entry["replacement"])): entry["reason"]
        for entry in entries
    }


def _shuffled(items: Sequence[T], chance: random.Random) -> list[T]:
    shuffled = list(items)
    chance.shuffle(shuffled)
    return shuffled


def _squeeze(code: str) -> str:
    return "".join(code.split())


@cache
def _operators() -> dict[str, Operator]:
    """Those that need no arguments (the names of variables)."""
    found = {name: plugins.get_operator(name) for name in sorted(plugins.operator_names())}
    return {name: operator() for name, operator in found.items() if not operator.arguments()}


def _list_places(code: str) -> dict[object, list[tuple[str, int]]]:
    nodes = list(ast_nodes(get_ast(code)))
    places: dict[object, list[tuple[str, int]]] = defaultdict(list)
    for name, operator in _operators().items():
        positions = (at for node in nodes for at in operator.mutation_positions(node))
        for occurrence, position in enumerate(positions):
            places[position].append((name, occurrence))
    return places


def _mutate(mutant: tuple[str, str, int]) -> Mutant:
    module, operator, occurrence = mutant
    code = (REPO / module).read_text("utf-8")
    mutated = mutate_code(code, _operators()[operator], occurrence)
    assert mutated is not None
    return Mutant(module, operator, code, mutated)


def _is_another_program(mutant: Mutant) -> bool:
    """Whether Python compiles it, and more than an annotation has changed."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(mutant.mutated, mutant.module, "exec")
    except SyntaxError:
        return False
    return _dump(mutant.mutated) != _dump(mutant.original)


def _dump(code: str) -> str:
    """The program without the annotations that Python never evaluates: all but those of models."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    for assigned in _unevaluated(tree):
        assigned.annotation = ast.Constant(None)
    return ast.dump(tree)


def _unevaluated(node: ast.AST) -> Iterator[ast.AnnAssign]:
    """Annotated assignments, but not the fields of pydantic's models."""
    for child in ast.iter_child_nodes(node):
        is_model = isinstance(node, ast.ClassDef) and not any(
            "dataclass" in ast.dump(decorator) for decorator in node.decorator_list
        )
        if isinstance(child, ast.AnnAssign) and not is_model:
            yield child
        yield from _unevaluated(child)
