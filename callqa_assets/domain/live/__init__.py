"""Calls that are streamed while they last: what is sent, as events, whatever the protocol."""
