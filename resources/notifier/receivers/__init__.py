"""The receivers of alerts, one module a kind."""
