"""Personal data in what was said: where it is, and the text without it.

Recognisers are grammars with check digits, made for speech that was recognised: numbers in groups
and in any script, beside Chinese text, interrupted and continued after a pause. No model runs.
What they cannot know is in docs/privacy.md.
"""
