"""Run every benchmark and write benchmarks/RESULTS.md.

    python -m benchmarks [--only NAME …]

Each one runs in a process of its own; run nothing else on the machine meanwhile. With `--only`, the
other sections of the file stay as they are.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "RESULTS.md"

BENCHMARKS = {
    "accuracy.vad": "Speech detection",
    "accuracy.asr": "Transcription",
    "accuracy.itn": "Numbers in transcripts",
    "accuracy.emotion": "Emotion",
    "accuracy.alerts": "Alerts on real calls",
    "accuracy.conversation": "Conversation metrics on real calls",
    "accuracy.spikes": "Spikes of topics, simulated",
    "accuracy.contrast": "Words of unhappy calls, simulated",
    "accuracy.pii": "Personal data in made calls",
    "accuracy.agents": "Comparisons of agents",
    "accuracy.scripts": "Phrases of scripts in transcripts with errors",
    "accuracy.field_cases": "Recordings of kinds that people report",
    "speed.whole_chain": "Speed of the whole chain",
    "speed.vad": "Speed of speech detection",
    "speed.emotion2vec": "Speed of emotion2vec",
    "speed.asr": "Speed of the funasr transcribers",
    "speed.orchestration": "What Dagster costs",
    "speed.rules": "What a changed rules file costs",
    "speed.conversation": "What conversation metrics of a day cost",
    "speed.marts": "What publishing a day costs",
    "speed.topics": "What topics and words of a day cost",
    "speed.search": "Search against a scan",
    "speed.uploads": "Taking in uploaded files",
}


def describe_machine() -> str:
    """Processor, cores, memory and system, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()}, {accelerator}"
    )


def run_benchmark(name: str, title: str) -> str:
    """One section of the results. Raises CalledProcessError with the benchmark's output."""
    print(f"{title} …", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=False)
    if printed.returncode:
        print(printed.stderr, file=sys.stderr)
        printed.check_returncode()
    today = datetime.now(UTC).date()
    return (
        f"## {title}\n\n`python -m benchmarks.{name}`, {today}, {describe_machine()}.\n\n"
        f"{printed.stdout.strip()}\n"
    )


def read_sections() -> dict[str, str]:
    """The sections of the present file, by title."""
    if not RESULTS.exists():
        return {}
    parts = RESULTS.read_text("utf-8").split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.strip()}\n" for part in parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    wanted = parser.parse_args().only
    sections = read_sections()
    for name, title in BENCHMARKS.items():
        if name in wanted:
            sections[title] = run_benchmark(name, title)
            ordered = [sections[title] for title in BENCHMARKS.values() if title in sections]
            RESULTS.write_text("\n".join(["# Results\n", *ordered]), "utf-8")


if __name__ == "__main__":
    main()
