"""Reading configuration files from disk; `domain` parses them."""

from __future__ import annotations

from pathlib import Path

from callqa_assets.domain.calls.sources import InvalidMetadataConfig, MetadataConfig, load_config
from callqa_assets.domain.live.live_config import LiveConfig, LiveError, load_live_config
from callqa_assets.domain.rules.rule_set import RulesError, RulesFile
from callqa_assets.domain.scripts.script_set import ScriptsError, ScriptSet, load_scripts
from callqa_assets.domain.topics.topic_set import TopicsError, TopicSet, load_topics
from callqa_assets.domain.workdays import Workdays, WorkdaysError, load_workdays
from callqa_assets.domain.yaml_config import ConfigError

LIVE_FILE = "live.yaml"
TOPICS_FILE = "topics.yaml"
WORKDAYS_FILE = "workdays.csv"


def read_config(path: Path, *, error: type[ConfigError], cure: str) -> str:
    """The file's text. Raises `error`, with the cure, where it cannot be read."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        line = wrong.object.count(b"\n", 0, wrong.start) + 1
        problem = f"{path}, line {line}: not UTF-8 text; save it as UTF-8"
    except OSError as failed:
        problem = f"{path}: {failed.strerror}; {cure}"
    # Outside the handlers: the text that is not UTF-8 must not travel along as the context.
    raise error(problem)


def read_metadata_config(path: Path) -> MetadataConfig:
    """Raises InvalidMetadataConfig."""
    cure = "set CALLQA_CONFIGS to the configuration folder"
    text = read_config(path, error=InvalidMetadataConfig, cure=cure)
    return load_config(text, source=str(path))


def read_workdays(path: Path) -> Workdays:
    """Raises WorkdaysError."""
    cure = "set CALLQA_CONFIGS to the configuration folder"
    return load_workdays(read_config(path, error=WorkdaysError, cure=cure), source=str(path))


def read_rules_file(path: Path) -> RulesFile:
    """The file as it is now, readable or not."""
    cure = "restore the rules file or set CALLQA_RULES"
    try:
        return RulesFile(str(path), read_config(path, error=RulesError, cure=cure))
    except RulesError as error:
        return RulesFile(str(path), error)


def read_live_config(path: Path) -> LiveConfig:
    """Raises LiveError."""
    cure = "restore it, or write `sources: []` in it to let nobody stream"
    return load_live_config(read_config(path, error=LiveError, cure=cure), source=str(path))


def read_topics_file(path: Path) -> TopicSet:
    """Raises TopicsError."""
    cure = "restore it or set CALLQA_CONFIGS to the configuration folder"
    return load_topics(read_config(path, error=TopicsError, cure=cure), source=str(path))


def read_scripts_file(path: Path) -> ScriptSet:
    """Raises ScriptsError."""
    cure = "restore the scripts file, or write `scripts: []` in it to check none"
    return load_scripts(read_config(path, error=ScriptsError, cure=cure), source=str(path))
