"""The interface of a profile's parts, and of the process that opens them.

A part holds the settings of one backend and knows the stored models that it needs; it is defined
beside its backend, in `vad`, `asr` or `emotion`. `profiles` lists the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from callqa_assets.domain.emotion.timeline import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.runtime.device import Device
from resources.speech_models.weights.hub import HubModel, Model
from resources.speech_models.weights.layouts import Layout
from resources.speech_models.weights.wheels import StoredModel

Shared = TypeVar("Shared")
Opened_co = TypeVar("Opened_co", covariant=True)


class Host(Protocol):
    """What the process offers to the parts that it identifies and opens."""

    @property
    def models_folder(self) -> Path: ...

    @property
    def profile_name(self) -> str: ...

    @property
    def threads(self) -> int:
        """CPU threads, at least 1."""
        ...

    @property
    def device(self) -> Device:
        """The profile's device. Imports torch, and locks nothing.

        Raises DeviceError where the machine has no such device.
        """
        ...

    def hold_device(self) -> Device:
        """The device, once no other process holds it; held until the models are released."""
        ...

    def require(self, model: Model) -> StoredModel:
        """The model's files, checked once. Raises ModelFileError or ModelFolderError."""
        ...

    def share(self, key: Hashable, load: Callable[[], Shared]) -> Shared:
        """The result of `load`, called once per `key` in the process."""
        ...


class Part(Protocol[Opened_co]):
    """A part of a profile: opens a SpeechDetector, a Transcriber or an EmotionRecognizer."""

    def models(self, profile: str) -> list[Model]:
        """The stored models that it needs, its own first; their errors name `profile`."""
        ...

    def identify(self, host: Host) -> ModelIdentity:
        """The identity of the model that `open` would return, without loading it."""
        ...

    def open(self, host: Host) -> Opened_co:
        """Load the models."""
        ...


class Section(BaseModel):
    """A mapping of models.yaml; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


HubId = Annotated[str, Field(pattern=r"^\w[\w.-]*/\w[\w.-]*$")]


class HubWeights(Section):
    """The origin of a model's weights."""

    layout: ClassVar[Layout]
    model: HubId
    """Id on ModelScope."""
    revision: str
    folder: Path | None = None
    """The user's own weights instead; absolute, or relative to the models folder."""

    def of(self, profile: str) -> HubModel:
        return HubModel(self.layout, self.model, self.revision, profile, self.folder)

    def require(self, host: Host) -> StoredModel:
        """Raises ModelFileError or ModelFolderError."""
        return host.require(self.of(host.profile_name))


class EmotionSection(Section):
    """Common base of emotion parts: windows, labels and timeline."""

    windows: WindowConfig = WindowConfig()
    labels: LabelConfig = LabelConfig()
    spans: SpanConfig = SpanConfig()
