"""Credits of subtitles, which Whisper writes where nobody speaks; nobody says them on a call.

It was trained on subtitles from the web (Radford et al. 2022, section 2). The phrases are of the
kinds that its users report: openai/whisper, discussions 679 and 928. Courtesies such as "thank you"
are none of them: callers say them.
"""

from __future__ import annotations

import re

_PHRASES = (
    r"thank(s|you)(somuch)?for(watching|viewing)(thisvideo)?",
    r"(please)?(likeand)?subscribe(tomychannel)?",
    r"(thankyou|thanks)?seeyou(in|on)thenext(video|one)",
    r"subtitles?(are)?(made)?by.*",
    r"(transcript|transcription|translation|captions?)(made)?by.*",
    r".*amaraorg.*",
    r"(谢谢|感谢|多谢)(大家|您|你)?(的)?(观看|收看|收聽|收听|聆听)",
    r"(请|請)不吝.*",
    r".*(点赞|點贊|點讚).*(订阅|訂閱|转发|轉發|打赏|打賞).*",
    r"(订阅|訂閱|转发|轉發|打赏|打賞)+",
    r".*(字幕|听译|聽譯|校对|校對)(由|by|制作|製作|志愿者|志願者|组|組|提供).*",
    r"(中文)?字幕.{0,12}",
    r"(优优|優優)(独播剧场|獨播劇場).*",
    r"明镜与点点栏目",
    r"mingpao(canada|toronto)?.*",
    r"(ご視聴|視聴|視聽)ありがとうございました",
)
_STOCK = re.compile("|".join(f"(?:{phrase})" for phrase in _PHRASES))


def is_stock_phrase(text: str) -> bool:
    """Whether a text is nothing but a credit of subtitles; case and punctuation do not matter."""
    return bool(_STOCK.fullmatch(_letters(text)))


def has_letters(text: str) -> bool:
    """Whether there is a letter or digit in it."""
    return bool(_letters(text))


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
