"""The one kind of error that a person can mend; each subject defines its own beside its code."""


class CallqaError(Exception):
    """The message names the file or setting, the cause and the cure."""
