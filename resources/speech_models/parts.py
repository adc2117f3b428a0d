"""What a profile's parts have in common: how they are written, and what opens them.

A part holds the settings of one backend and knows the stored models that it needs; it is defined
beside its backend, in `vad`, `asr` or `emotion`. Which parts there are is said in `profiles`.
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
    """What a part finds in the process that identifies and opens it."""

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
        """The profile's device; asking imports torch, and keeps no other process off it.

        Raises DeviceError where the machine has no such device.
        """
        ...

    def hold_device(self) -> Device:
        """The device, once no other process is on it; held until the models are released."""
        ...

    def require(self, model: Model) -> StoredModel:
        """The model's files, checked once. Raises ModelFileError or ModelFolderError."""
        ...

    def share(self, key: Hashable, load: Callable[[], Shared]) -> Shared:
        """What `load` returned for the first part that asked for `key`."""
        ...


class Part(Protocol[Opened_co]):
    """One of a profile's parts: opens a SpeechDetector, a Transcriber or an EmotionRecognizer."""

    def models(self, profile: str) -> list[Model]:
        """The stored models it needs, its own first; `profile` is named in their errors."""
        ...

    def identify(self, host: Host) -> ModelIdentity:
        """The identity of what `open` would return, without loading it."""
        ...

    def open(self, host: Host) -> Opened_co:
        """Load the models."""
        ...


class Section(BaseModel):
    """A mapping of models.yaml; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


HubId = Annotated[str, Field(pattern=r"^\w[\w.-]*/\w[\w.-]*$")]


class HubWeights(Section):
    """Where a model's weights come from."""

    layout: ClassVar[Layout]
    model: HubId
    """Id on ModelScope."""
    revision: str
    folder: Path | None = None
    """Weights of one's own instead; absolute, or relative to the models folder."""

    def of(self, profile: str) -> HubModel:
        return HubModel(self.layout, self.model, self.revision, profile, self.folder)

    def require(self, host: Host) -> StoredModel:
        """Raises ModelFileError or ModelFolderError."""
        return host.require(self.of(host.profile_name))


class EmotionSection(Section):
    """Of every emotion part: how emotions are windowed, labelled and drawn as a timeline."""

    windows: WindowConfig = WindowConfig()
    labels: LabelConfig = LabelConfig()
    spans: SpanConfig = SpanConfig()
