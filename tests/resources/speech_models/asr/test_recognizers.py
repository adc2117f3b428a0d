"""The ASR families give in batches what funasr gives for each clip alone, on tiny models."""

import re

import pytest
import torch
from funasr import AutoModel

from resources.speech_models.asr.cif import Predictor
from resources.speech_models.asr.nano import NanoRecognizer
from resources.speech_models.asr.seaco import FILTERED, SeacoRecognizer
from resources.speech_models.asr.sensevoice import SenseVoiceRecognizer
from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.filter_banks import FrontendError
from resources.speech_models.runtime.funasr_loading import load_model
from resources.speech_models.runtime.lfr_features import Features
from tests.resources.speech_models.conftest import LAYOUTS
from tests.support.tiny_checkpoints import CHARACTERS

CPU = Device("cpu", "fp32", 1)
WEIGHTS = "0" * 64
SECONDS = (3.1, 0.025, 1.07, 0.2, 5.93, 2.0, 0.03, 0.5)
"""25 ms hold no token; the others do."""
HOTWORDS = ("开户流程", "信用卡", "客服")
MANY = tuple(a + b for a in CHARACTERS[:9] for b in CHARACTERS[10:17])


def build(family, folder, device=CPU):
    if family in ("seaco", "paraformer"):
        return SeacoRecognizer(folder, device, WEIGHTS, LAYOUTS[family])
    return {"sensevoice": SenseVoiceRecognizer, "nano": NanoRecognizer}[family](
        folder, device, WEIGHTS
    )


@pytest.fixture(scope="module")
def recognizers(tiny):
    return {
        family: build(family, tiny(family))
        for family in ("paraformer", "seaco", "sensevoice", "nano")
    }


@pytest.fixture(scope="module")
def originals(tiny):
    """funasr's own models, one clip at a time and without dither."""
    return {
        family: AutoModel(
            model=str(tiny(family)),
            device="cpu",
            ncpu=1,
            disable_update=True,
            disable_pbar=True,
            log_level="ERROR",
            frontend_conf={"dither": 0.0},
        )
        for family in ("paraformer", "seaco", "sensevoice", "nano")
    }


def squeeze(text):
    """Without spaces, tags and what cannot be printed: families differ from us in these only."""
    bare = re.sub(r"<\|.*?\|>|\s", "", text)
    return "".join(character for character in bare if character.isprintable())


CASES = [
    ("paraformer", (), [None] * 8),
    ("seaco", (), [None] * 8),
    ("seaco", HOTWORDS, [None] * 8),
    ("seaco", MANY, [None] * 8),
    ("sensevoice", (), [None, "zh", "en", "yue", "ja", "ko", None, "zh"]),
    ("nano", HOTWORDS, [None, "zh", "en", "ja", None, "zh", "en", "ja"]),
]


@pytest.mark.parametrize(("family", "hotwords", "languages"), CASES)
def test_a_clips_result_is_the_same_alone_and_in_a_batch(
    family, hotwords, languages, recognizers, clip
):
    recognizer = recognizers[family]
    clips = [
        clip(seconds, language=language, hotwords=hotwords)
        for seconds, language in zip(SECONDS, languages, strict=True)
    ]
    together = recognizer.recognize(clips)
    for one, expected in zip(clips, together, strict=True):
        (alone,) = recognizer.recognize([one])
        assert (alone.text, alone.language) == (expected.text, expected.language)
        assert alone.words == expected.words
        assert alone.confidence == pytest.approx(expected.confidence, abs=1e-5)
    assert recognizer.recognize(clips) == together
    assert len({recognized.text for recognized in together}) >= len(together) - 3


@pytest.mark.parametrize(("family", "hotwords"), [("seaco", HOTWORDS), ("seaco", MANY)])
def test_hotwords_change_the_text_of_seaco(family, hotwords, recognizers, clip):
    assert len(MANY) > FILTERED
    plain, with_hotwords = (
        recognizers[family].recognize([clip(3.1, hotwords=words)])[0].confidence
        for words in ((), hotwords)
    )
    assert plain != pytest.approx(with_hotwords, abs=1e-4)


@pytest.mark.parametrize("hotwords", [(), HOTWORDS, MANY])
def test_seaco_writes_what_funasr_writes_and_when(hotwords, recognizers, originals, clip):
    compared = 0
    for seconds in SECONDS:
        one = clip(seconds, hotwords=hotwords)
        (recognized,) = recognizers["seaco"].recognize([one])
        results = originals["seaco"].generate(
            one.samples, **({"hotword": " ".join(hotwords)} if hotwords else {})
        )
        if not results:  # funasr has no result for a clip without tokens
            assert (recognized.text, recognized.words, recognized.confidence) == ("", [], 0.0)
            continue
        assert squeeze(recognized.text) == squeeze(results[0]["text"])
        times = [(word.start_s * 1000, word.end_s * 1000) for word in recognized.words]
        if holds_unknown(recognizers["seaco"], one):
            continue  # funasr leaves <unk> out of its text, but not out of its times
        compared += 1
        for ours, theirs in zip(times, results[0]["timestamp"], strict=True):
            # funasr's last word may end behind the clip, and its times are cut to milliseconds.
            assert ours == pytest.approx([min(t, seconds * 1000) for t in theirs], abs=1.01)
    assert compared >= 3


def holds_unknown(seaco, clip):
    (decoded,) = seaco._decode_clips([clip], seaco._tokenize(clip.hotwords))
    return "<unk>" in [seaco._vocabulary[token] for token in decoded.ids]


def test_paraformer_writes_what_funasr_writes(recognizers, originals, clip):
    for seconds in SECONDS:
        one = clip(seconds)
        (recognized,) = recognizers["paraformer"].recognize([one])
        results = originals["paraformer"].generate(one.samples)
        assert squeeze(recognized.text) == squeeze(results[0]["text"] if results else "")


@pytest.mark.parametrize("language", [None, "zh", "en"])
def test_sensevoice_writes_what_funasr_writes(language, recognizers, originals, clip):
    sensevoice = recognizers["sensevoice"]
    for seconds in SECONDS:
        one = clip(seconds, language=language)
        (recognized,) = sensevoice.recognize([one])
        (result,) = originals["sensevoice"].generate(
            one.samples, language=language or "auto", use_itn=True
        )
        # A tiny model answers its four questions with words, which are no text; a word that the
        # last answer runs into is joined to it by funasr.
        written = squeeze(result["text"])
        assert written.endswith(squeeze(recognized.text)) or written.endswith(
            squeeze(recognized.text)[1:]
        )


@pytest.mark.parametrize("hotwords", [(), HOTWORDS])
@pytest.mark.parametrize("language", [None, "zh", "en"])
def test_nano_writes_what_funasr_writes(language, hotwords, recognizers, originals, clip):
    nano = recognizers["nano"]
    for seconds in SECONDS[:4]:
        one = clip(seconds, language=language, hotwords=hotwords)
        (recognized,) = nano.recognize([one])
        (result,) = originals["nano"].generate(
            [torch.from_numpy(one.samples)],
            hotwords=list(hotwords),
            max_length=nano._most_tokens(one),
            **({"language": {"zh": "中文", "en": "英文"}[language]} if language else {}),
        )
        assert squeeze(recognized.text) == squeeze(result["text"])


@pytest.mark.parametrize("family", ["paraformer", "seaco", "sensevoice", "nano"])
def test_words_joined_are_the_text_and_lie_in_their_clip(family, recognizers, clip):
    for seconds in SECONDS:
        (recognized,) = recognizers[family].recognize([clip(seconds, hotwords=HOTWORDS[:1])])
        assert "".join(word.word for word in recognized.words).strip() == recognized.text
        times = [time for word in recognized.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert all(0 <= time <= seconds for time in times)
        assert 0 <= recognized.confidence <= 1


def test_nano_takes_its_word_times_from_an_aligner(tiny, recognizers, clip):
    nano = NanoRecognizer(tiny("nano"), CPU, WEIGHTS, aligner=recognizers["seaco"])
    clips = [
        clip(seconds, language="ja", hotwords=HOTWORDS[:number])
        for number, seconds in enumerate(SECONDS)
    ]
    for with_times, spread in zip(
        nano.recognize(clips), recognizers["nano"].recognize(clips), strict=True
    ):
        assert with_times.text == spread.text
        assert "".join(word.word for word in with_times.words).strip() == spread.text
    assert nano.has_word_times
    assert nano.identity.params["word_times"]["model_id"] == "seaco"
    assert "evenly" in recognizers["nano"].identity.params["word_times"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("family", ["paraformer", "seaco", "sensevoice", "nano"])
def test_half_precision_decodes_and_is_part_of_the_identity(family, precision, tiny, clip):
    recognizer = build(family, tiny(family), Device("cpu", precision, 1))
    recognized = recognizer.recognize([clip(seconds, hotwords=HOTWORDS) for seconds in SECONDS])
    assert len(recognized) == len(SECONDS)
    assert all(0 < one.confidence <= 1 for one in recognized[:1])
    assert recognizer.identity.params["precision"] == precision


@pytest.mark.parametrize(
    ("family", "language"), [("seaco", "ja"), ("sensevoice", "de"), ("nano", "yue")]
)
def test_an_unknown_language_is_refused_by_name(family, language, recognizers, clip):
    with pytest.raises(ValueError, match=repr(language)):
        recognizers[family].recognize([clip(1.0, language=language)])


def test_features_are_those_of_funasr(tiny, clip):
    from funasr.utils.load_utils import extract_fbank

    loaded = load_model(tiny("seaco"), LAYOUTS["seaco"], CPU)
    features = Features(loaded.frontend, CPU)
    waveforms = [clip(seconds).samples for seconds in (0.025, 0.0849, 0.085, 0.12, 0.33, 3.0)]
    ours, lengths = features.compute(waveforms)
    for row, waveform in enumerate(waveforms):
        theirs, frames = extract_fbank([torch.from_numpy(waveform)], frontend=loaded.frontend)
        assert lengths[row] == frames[0]
        assert torch.allclose(ours[row, : lengths[row]], theirs[0], atol=1e-3)
        assert not ours[row, lengths[row] :].any()


def test_another_front_end_is_refused_by_name(tiny):
    frontend = load_model(tiny("seaco"), LAYOUTS["seaco"], CPU).frontend
    frontend.window = "povey"
    with pytest.raises(FrontendError, match=r"frontend_conf\.window of config\.yaml is 'povey'"):
        Features(frontend, CPU)


@pytest.mark.parametrize("family", ["paraformer", "seaco"])
def test_tokens_integrate_what_funasr_integrates(family, tiny):
    model = load_model(tiny(family), LAYOUTS[family], CPU).model
    encoded = torch.randn(1, 57, 32, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([57])
    with torch.inference_mode():
        tokens = Predictor(model.predictor).predict(encoded, lengths)
        embeddings, counts, _, _ = model.calc_predictor(encoded, lengths)
    assert tokens.counts.tolist() == counts.round().long().tolist()
    assert torch.allclose(tokens.embeddings, embeddings, atol=1e-4)


def test_rows_without_a_token_disturb_no_other(tiny):
    model = load_model(tiny("paraformer"), LAYOUTS["paraformer"], CPU).model
    predictor = Predictor(model.predictor)
    encoded = torch.randn(3, 40, 32, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([40, 1, 30])
    with torch.inference_mode():
        together = predictor.predict(encoded, lengths)
        for row, length in enumerate(lengths):
            alone = predictor.predict(encoded[row : row + 1, :length], lengths[row : row + 1])
            count = int(alone.counts[0])
            assert together.counts[row] == count
            assert torch.allclose(together.embeddings[row, :count], alone.embeddings[0], atol=1e-5)
