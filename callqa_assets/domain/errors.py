"""The base class of errors that a user can fix; each subject defines its own beside its code."""


class CallqaError(Exception):
    """Its message states the file or setting, the cause and the cure."""
