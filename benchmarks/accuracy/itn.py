"""Inverse text normalisation on the tests' table: ours, wetext and cn2an, exactness and speed.

    python -m benchmarks.accuracy.itn [--cases FILE]

prints a Markdown table for benchmarks/RESULTS.md. A case is right where the whole sentence is
written as in the table. Peers have styles of their own (¥12345, 2025/03/15): "same numbers" only
compares the numbers in digits. "callqa + wetext" passes wetext what our grammar leaves in words.
Set phrases are those of jieba's dictionary (tags i and l) that contain a numeral; few of them are
amounts (三秒钟), so nearly every change spoils an idiom.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.support.locations import REPO
from callqa_assets.domain.text.itn import normalize

NUMERALS = "零〇一二三四五六七八九十百千万亿两幺"
FIRST_PART = "first"
"""The part of the table that was known when the grammar was written; the others were held out."""
SPEED_S = 1.0
"""CPU time for which each contender is timed."""

Contender = Callable[[str], str]


@dataclass(frozen=True)
class Case:
    raw: str
    expected: str
    category: str
    part: str


def read_cases(path: Path) -> list[Case]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            Case(**row) for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def read_set_phrases() -> list[str]:
    import jieba  # pyright: ignore[reportMissingTypeStubs]

    with jieba.get_dict_file() as stream:
        entries = [line.decode().split() for line in stream]
    return [
        phrase
        for phrase, _, *tag in entries
        if tag in (["i"], ["l"]) and any(character in NUMERALS for character in phrase)
    ]


def write_ours(text: str) -> str:
    return normalize(text).text


@cache
def _wetext() -> Contender:
    from wetext import Normalizer  # pyright: ignore[reportMissingTypeStubs]

    normalizer = Normalizer(lang="zh", operator="itn")
    return lambda text: str(normalizer.normalize(text))


def write_wetext(text: str) -> str:
    return _wetext()(text)


def write_ours_then_wetext(text: str) -> str:
    normalized = normalize(text)
    written: list[str] = []
    position = 0
    for edit in normalized.alignment:
        written.append(_left_to_wetext(normalized.text[position : edit.start]))
        written.append(normalized.text[edit.start : edit.end])
        position = edit.end
    written.append(_left_to_wetext(normalized.text[position:]))
    return "".join(written)


def _left_to_wetext(text: str) -> str:
    return write_wetext(text) if any(character in NUMERALS for character in text) else text


def write_cn2an(text: str) -> str:
    import cn2an  # pyright: ignore[reportMissingTypeStubs]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cn2an.transform(text, "cn2an")


CONTENDERS: dict[str, Contender] = {
    "callqa": write_ours,
    "callqa + wetext": write_ours_then_wetext,
    "wetext": write_wetext,
    "cn2an": write_cn2an,
}


def share_right(cases: Sequence[Case], write: Contender) -> float:
    return sum(write(case.raw) == case.expected for case in cases) / len(cases)


def share_with_same_numbers(cases: Sequence[Case], write: Contender) -> float:
    right = sum(_numbers(write(case.raw)) == _numbers(case.expected) for case in cases)
    return right / len(cases)


def _numbers(text: str) -> list[float]:
    """Every number in digits, ascending: 1/3 and 1:3, 5万 and 50000 are the same."""
    factors = {"": 1, "万": 1e4, "亿": 1e8}
    return sorted(
        round(float(digits) * factors[unit], 6)
        for digits, unit in re.findall(r"([0-9]+(?:\.[0-9]+)?)([万亿]?)", text)
    )


def sentences_per_cpu_s(sentences: Sequence[str], write: Contender) -> float:
    write(sentences[0])
    done = 0
    started = time.process_time()
    while (elapsed := time.process_time() - started) < SPEED_S:
        write(sentences[done % len(sentences)])
        done += 1
    return done / elapsed


def evaluate_itn(cases: Sequence[Case]) -> list[tuple[str, int, list[str]]]:
    """Rows of the table: name, number of cases, one figure per contender."""
    rows: list[tuple[str, int, list[str]]] = []

    def add(name: str, count: int, figure: Callable[[Contender], str]) -> None:
        rows.append((name, count, [figure(write) for write in CONTENDERS.values()]))

    for category in dict.fromkeys(case.category for case in cases):
        chosen = [case for case in cases if case.category == category]
        add(category, len(chosen), lambda write, of=chosen: f"{share_right(of, write):.3f}")
    held_out = [case for case in cases if case.part != FIRST_PART]
    add("all", len(cases), lambda write: f"**{share_right(cases, write):.3f}**")
    add("held out at first", len(held_out), lambda write: f"{share_right(held_out, write):.3f}")
    add("same numbers", len(cases), lambda write: f"{share_with_same_numbers(cases, write):.3f}")
    phrases = read_set_phrases()
    add(
        "set phrases changed",
        len(phrases),
        lambda write: f"{sum(write(phrase) != phrase for phrase in phrases)}",
    )
    spoken = [case.raw for case in cases]
    add(
        "sentences per CPU s",
        len(spoken),
        lambda write: f"{sentences_per_cpu_s(spoken, write):,.0f}",
    )
    without = [text for raw in spoken if len(text := re.sub(f"[{NUMERALS}0-9]", "", raw)) >= 4]
    add(
        "the same without numerals",
        len(without),
        lambda write: f"{sentences_per_cpu_s(without, write):,.0f}",
    )
    return rows


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--cases", type=Path, default=REPO / "tests" / "domain" / "text" / "itn_cases.tsv"
    )
    rows = evaluate_itn(read_cases(parser.parse_args().cases))
    print(f"| | of | {' | '.join(CONTENDERS)} |\n|---|---:|{'---:|' * len(CONTENDERS)}")
    for name, count, figures in rows:
        print(f"| {name} | {count} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
