"""The five assets, one thin module a stage, and what they share."""
